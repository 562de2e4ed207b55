"""What keeps a campaign's questions from being saved; what is saved can be asked and answered."""

from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mail.campaigns.asked import asked
from mail.campaigns.definition import Definition, Trigger
from mail.campaigns.question_validation import check_questions
from mail.campaigns.questions import FurtherQuestion, Question, ReasonChoice
from mail.campaigns.texts import Message
from mail.campaigns.validation import check
from mail.responses.submission import Form, Given, Submission
from rules.questions.scales import SCALES
from server.survey.question_form import lead_shown, questions_shown, read_given

MESSAGE: Final = Message("Plomberie", {"fr": "a"}, {"fr": "b"}, {"fr": "c"})
TWO: Final = [ReasonChoice("a", {"fr": "A"}), ReasonChoice("b", {"fr": "B"})]


def defined(*further: FurtherQuestion, kind: Any = "stars", **fields: Any) -> Definition:
    return Definition(
        rules=[Trigger([UUID(int=7)], ["600"])],
        question=Question({"fr": "Alors?"}, kind=kind),
        message=MESSAGE,
        further=list(further),
        **fields,
    )


def asks(kind: Any = "text", key: str = "why", **fields: Any) -> FurtherQuestion:
    choices = TWO if kind == "choice" else []
    usual: dict[str, Any] = {"text": {"fr": "Pourquoi?"}, "choices": choices}
    return FurtherQuestion(key=key, kind=kind, **(usual | fields))


MANY: Final = [ReasonChoice(f"c{number}", {"fr": "C"}) for number in range(50)]


@pytest.mark.parametrize(
    ("definition", "code", "field"),
    [
        (defined(asks(), asks()), "repeated", "further.1.key"),
        (defined(asks(key="lead")), "reserved", "further.0.key"),
        (defined(asks(key="nps")), "reserved", "further.0.key"),
        (defined(asks(key="q_" + "0a" * 16)), "reserved", "further.0.key"),
        (defined(asks(text={})), "required", "further.0.text"),
        (defined(asks(text={"fr": "\u200b"})), "required", "further.0.text"),
        (defined(asks(text={"fr": "a\nb"})), "forbidden_characters", "further.0.text.fr"),
        (defined(asks("nps", low={"en": "a\x00"})), "forbidden_characters", "further.0.low.en"),
        (defined(asks(low={"fr": "Mal"})), "other_kind", "further.0.low"),
        (defined(asks("choice", high={"fr": "Bien"})), "other_kind", "further.0.high"),
        (defined(asks(negative_at=1)), "other_kind", "further.0.negative_at"),
        (defined(asks("choice", positive_at=1)), "other_kind", "further.0.positive_at"),
        (defined(asks(choices=TWO)), "other_kind", "further.0.choices"),
        (defined(asks("stars", several=True)), "other_kind", "further.0.several"),
        (defined(asks("choice", choices=TWO[:1])), "too_few_choices", "further.0.choices"),
        (defined(asks("choice", choices=[*TWO, TWO[0]])), "repeated", "further.0.choices.2.code"),
        (
            defined(asks("choice", choices=[*TWO, ReasonChoice("c", {})])),
            "required",
            "further.0.choices.2.label",
        ),
        (defined(asks(after=["neutral", "neutral"])), "repeated", "further.0.after"),
        (defined(asks("stars", negative_at=6)), "not_on_scale", "further.0.negative_at"),
        (
            defined(*(asks("choice", f"k{n}", choices=MANY) for n in range(11))),
            "too_many_choices",
            "further",
        ),
        (defined(kind="nps", measure_nps=True), "asked_already", "measure_nps"),
        (defined(kind="thumbs", negative_at=2), "not_on_scale", "negative_at"),
        (defined(kind="stars", negative_at=-1), "not_on_scale", "negative_at"),
        (defined(kind="thumbs", positive_at=3), "not_on_scale", "positive_at"),
        (defined(kind="stars", comment_required_at=0), "not_on_scale", "comment_required_at"),
        (defined(kind="thumbs", comment_required_at=5), "not_on_scale", "comment_required_at"),
    ],
)
def test_each_refusal_names_its_field(definition: Definition, code: str, field: str) -> None:
    assert [(problem.code, problem.field) for problem in check(definition)] == [(code, field)]


def test_no_value_is_negative_and_positive() -> None:
    said = defined(asks("nps", negative_at=6, positive_at=3), negative_at=4, positive_at=1)
    assert check(said) == []
    assert (said.positive_at, said.further[0].positive_at) == (5, 7)


@pytest.mark.parametrize("kind", SCALES)
def test_every_value_may_be_negative_or_positive_or_neither(kind: Any) -> None:
    scale = SCALES[kind]
    for negative_at in range(scale.first - 1, scale.last + 1):
        for positive_at in range(negative_at + 1, scale.last + 2):
            said = defined(kind=kind, negative_at=negative_at, positive_at=positive_at)
            assert check(said) == []
            assert (said.negative_at, said.positive_at) == (negative_at, positive_at)


LABELS: Final = st.dictionaries(
    st.sampled_from(["fr", "en", "es"]), st.text(max_size=3), max_size=2
)
CHOICE: Final = st.builds(ReasonChoice, st.sampled_from(["a", "b", "c"]), LABELS)
QUESTION: Final = st.builds(
    FurtherQuestion,
    key=st.sampled_from(["why", "who", "lead", "nps"]),
    kind=st.sampled_from(["thumbs", "stars", "effort", "nps", "choice", "text"]),
    text=LABELS,
    low=LABELS,
    high=LABELS,
    choices=st.lists(CHOICE, max_size=3),
    several=st.booleans(),
    mandatory=st.booleans(),
    after=st.lists(st.sampled_from(["negative", "neutral", "positive"]), max_size=2),
    negative_at=st.none() | st.integers(-1, 9),
    positive_at=st.none() | st.integers(0, 11),
)


@given(
    st.lists(QUESTION, max_size=3),
    st.sampled_from(list(SCALES)),
    st.dictionaries(st.sampled_from(["further.why", "further.who.a"]), st.text(max_size=3)),
    st.integers(-1, 11),
    st.booleans(),
)
def test_whatever_may_be_saved_can_be_shown_and_answered(
    questions: list[FurtherQuestion],
    kind: Any,
    fields: dict[str, str],
    rating: int,
    measures_nps: bool,
) -> None:
    said = defined(*questions, kind=kind, measure_nps=measures_nps)
    if list(check_questions(said)):
        sound = [item for item in questions if not list(check_questions(defined(item)))][:1]
        said = replace(said, further=sound, measure_nps=measures_nps and kind != "nps")
    assert list(check_questions(said)) == []
    content = said.content
    follow = asked(content, UUID(int=1))
    keys = [question.key for question in follow]
    assert len(set(keys)) == len(keys)
    lead_shown(content.lead, ("fr",), rating, 1)
    given = read_given(follow, fields)
    shown = questions_shown(follow, ("fr",), given)
    assert all(question.text and question.id for question in shown)
    form = Form(content.lead, follow, "UTC")
    for value in content.lead.scale.values:
        best = {
            question.key: Given(
                value=question.scale.last if question.scale else None,
                choices=[question.choices[0].code] if question.choices else (),
                text="Oui" if question.kind == "text" else "",
            )
            for question in follow
        }
        submission = Submission(rating=value, further=best, was_asked_after=True)
        assert form.invalid_fields(submission) == []
        body = form.body_of(submission, "fr_CA")
        following = form.following(content.lead.sentiment(value))
        assert set(body.further) == {question.key for question in following}
