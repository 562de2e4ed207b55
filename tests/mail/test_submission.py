"""What is wrong with a submitted form, and what it answers: questions of every kind."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from mail.campaigns.questions import LEAD, FurtherQuestion, Lead, ReasonChoice
from mail.campaigns.texts import Lines
from mail.responses.recording import Value
from mail.responses.submission import LONGEST_COMMENT, Form, Given, Submission

TEXT: Final[Lines] = {"en": "?"}
CHOICES: Final = [ReasonChoice(code, {"en": code}) for code in ("price", "time", "quality")]


def question(key: str, kind: Any, **fields: Any) -> FurtherQuestion:
    choices = CHOICES if kind == "choice" else []
    return FurtherQuestion(key=key, kind=kind, text=TEXT, choices=choices, **fields)


ONE_OF_EACH: Final = [
    question("thumbs", "thumbs"),
    question("stars", "stars"),
    question("effort", "effort"),
    question("likely", "nps"),
    question("one", "choice"),
    question("several", "choice", several=True),
    question("words", "text"),
]


def form(*questions: FurtherQuestion, **lead: Any) -> Form:
    return Form(Lead(text=TEXT, reasons=CHOICES, **lead), questions, "America/Toronto")


def said(rating: int | None = 5, further: Mapping[str, Given] | None = None, **fields: Any) -> Any:
    return Submission(rating=rating, further=further or {}, **fields)


VALID: Final = {
    "thumbs": [Given(value=0), Given(value=1)],
    "stars": [Given(value=1), Given(value=5)],
    "effort": [Given(value=1), Given(value=7)],
    "likely": [Given(value=0), Given(value=10)],
    "one": [Given(choices=["time"])],
    "several": [Given(choices=["quality", "price"])],
    "words": [Given(text="Merci"), Given(text="a" * LONGEST_COMMENT)],
}
INVALID: Final = {
    "thumbs": [Given(value=-1), Given(value=2)],
    "stars": [Given(value=0), Given(value=6)],
    "effort": [Given(value=0), Given(value=8), Given(text="7")],
    "likely": [Given(value=-1), Given(value=11), Given(choices=["time"])],
    "one": [Given(choices=["price", "time"]), Given(choices=["other"]), Given(value=1)],
    "several": [Given(choices=["price", "other"]), Given(text="price")],
    "words": [Given(text="a" * (LONGEST_COMMENT + 1)), Given(value=3), Given(choices=["time"])],
}


@pytest.mark.parametrize(
    ("key", "given"), [(key, given) for key, many in VALID.items() for given in many]
)
def test_what_a_form_can_have_is_an_answer(key: str, given: Given) -> None:
    submission = said(further={key: given})
    assert form(*ONE_OF_EACH).invalid_fields(submission) == []
    body = form(*ONE_OF_EACH).body_of(submission, "en_CA")
    in_order = [choice.code for choice in CHOICES if choice.code in given.choices]
    assert set(body.values) == {LEAD, key}
    answered = body.further[key]
    assert (answered.value, answered.choices, answered.text) == (given.value, in_order, given.text)


@pytest.mark.parametrize(
    ("key", "given"), [(key, given) for key, many in INVALID.items() for given in many]
)
def test_what_no_form_has_is_refused_at_its_question(key: str, given: Given) -> None:
    fields = form(*ONE_OF_EACH).invalid_fields(said(further={key: given}))
    assert fields == [f"further.{key}"]


@pytest.mark.parametrize("empty", [{}, {"q": Given()}, {"q": Given(text=" \t\n")}])
@pytest.mark.parametrize("kind", ["thumbs", "stars", "effort", "nps", "choice", "text"])
def test_a_mandatory_question_is_answered_unless_the_visit_was_somebody_elses(
    kind: Any, empty: Mapping[str, Given]
) -> None:
    asks = form(question("q", kind, mandatory=True))
    assert asks.invalid_fields(said(further=empty)) == ["further.q"]
    assert asks.invalid_fields(said(None, further=empty, not_me=True)) == []


@pytest.mark.parametrize(
    ("kind", "rating", "at", "needed"),
    [
        ("stars", 2, 2, True),
        ("stars", 3, 2, False),
        ("nps", 0, 0, True),
        ("nps", 6, 6, True),
        ("nps", 7, 6, False),
        ("thumbs", 0, 0, True),
        ("thumbs", 1, 0, False),
        ("effort", 7, 7, True),
        ("stars", 1, None, False),
    ],
)
def test_a_comment_is_mandatory_at_or_below_a_score(
    kind: Any, rating: int, at: int | None, needed: bool
) -> None:
    asks = form(kind=kind, comment_required_at=at)
    wrong = ["comment"] if needed else []
    for nothing in ("", " \n", "\x00"):
        assert asks.invalid_fields(said(rating, comment=nothing)) == wrong
    assert asks.invalid_fields(said(rating, comment="Trop tard")) == []
    assert asks.invalid_fields(said(rating, not_me=True)) == []


@pytest.mark.parametrize("rating", [-1, 0, 6, None])
def test_a_rating_is_on_the_scale_whoever_was_meant(rating: int | None) -> None:
    assert form().invalid_fields(said(rating)) == ["rating"]
    is_missing = rating is None
    assert form().invalid_fields(said(rating, not_me=True)) == ([] if is_missing else ["rating"])


AFTER: Final = [
    question("why_bad", "text", after=["negative"], mandatory=True),
    question("so_so", "choice", after=["neutral", "negative"]),
    question("why_good", "text", after=["positive"]),
    question("always", "stars"),
]


@pytest.mark.parametrize(
    ("rating", "keys"),
    [(1, {"why_bad", "so_so"}), (3, {"so_so"}), (5, {"why_good"}), (None, set())],
)
def test_of_other_ratings_questions_nothing_is_stored_or_demanded(
    rating: int | None, keys: set[str]
) -> None:
    given = {
        "why_bad": Given(text="Tard"),
        "so_so": Given(choices=["time"]),
        "why_good": Given(text="Vite"),
        "always": Given(value=4),
    }
    submission = said(rating, given, not_me=rating is None, was_asked_after=True)
    assert form(*AFTER).invalid_fields(submission) == []
    assert form(*AFTER).body_of(submission, "fr_CA").further.keys() == {*keys, "always"}


def test_a_question_of_the_second_step_is_demanded_there_alone() -> None:
    asks = form(*AFTER)
    assert asks.invalid_fields(said(1)) == []
    assert asks.kept(said(1)) == {"why_bad", "so_so"}
    assert asks.invalid_fields(said(1, was_asked_after=True)) == ["further.why_bad"]
    assert asks.kept(said(1, was_asked_after=True)) == set()


def test_the_answer_says_how_likely_its_customer_is_to_recommend() -> None:
    asks = form(question("later", "nps"), question("again", "nps"), question("nps", "nps"))
    given = {"later": Given(value=1), "again": Given(value=3), "nps": Given(value=9)}
    assert asks.body_of(said(further=given), "fr_CA").nps == 9
    del given["nps"]
    assert asks.body_of(said(further=given), "fr_CA").nps == 3
    assert asks.body_of(said(), "fr_CA").nps is None
    assert form(kind="nps").body_of(said(0), "fr_CA").nps == 0


GIVEN: Final = st.builds(
    Given,
    value=st.none() | st.integers(-2, 12),
    choices=st.lists(st.sampled_from(["price", "time", "quality", "other", ""]), max_size=3),
    text=st.text(max_size=5),
)
KEYS: Final = [question.key for question in [*ONE_OF_EACH, *AFTER]]
SUBMISSION: Final = st.builds(
    Submission,
    rating=st.none() | st.integers(-1, 6),
    reasons=st.lists(st.sampled_from(["price", "time", "other"]), max_size=2),
    comment=st.text(max_size=5),
    not_me=st.booleans(),
    call_back=st.booleans(),
    phone=st.sampled_from(["", "418 555-0100", "abc", "\x00"]),
    further=st.dictionaries(st.sampled_from([*KEYS, "unknown"]), GIVEN, max_size=5),
    was_asked_after=st.booleans(),
)


@drawn(SUBMISSION)
def test_whatever_is_submitted_is_refused_at_a_field_or_is_an_answer_of_the_survey(
    submission: Submission,
) -> None:
    asks = form(*ONE_OF_EACH, *AFTER)
    wrong = asks.invalid_fields(submission)
    fields = {"rating", "reasons", "comment", "phone", *(f"further.{key}" for key in KEYS)}
    assert len(wrong) == len(set(wrong))
    assert fields.issuperset(wrong)
    if wrong:
        return
    body = asks.body_of(submission, "fr_CA")
    following = {item.key: item for item in asks.following(asks.lead.sentiment(body.lead.value))}
    for key, value in body.further.items():
        assert value != Value(kind=value.kind, value=None, choices=[], text="")
        asked = following[key]
        assert value.kind == asked.kind
        assert value.value is None or (
            asked.scale is not None and value.value in asked.scale.values
        )
