"""What a customer submitted with a survey's form: what is wrong with it, and what it answers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.questions import LEAD, FurtherQuestion, Lead
from mail.responses.recording import Body, Value
from rules.questions.scales import Sentiment
from sync.feed.dialling import call_link

LONGEST_COMMENT: Final = 4000
#: Letters of a phone number, with an extension or when to call.
LONGEST_PHONE: Final = 60
#: Removed from texts: control characters but tab and line feed.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Given(Struct, frozen=True, kw_only=True):
    """What was given for one question that follows the leading one.

    `value`: of a rating. `choices`: codes. `text`: as typed. Each may be empty.
    """

    value: int | None = None
    choices: Sequence[str] = ()
    text: str = ""


class Submission(Struct, frozen=True, kw_only=True):
    """What a customer submitted with the form.

    `rating`: of the leading question; may be missing with `not_me` only. `reasons`: codes of the
    campaign; stored with a negative rating only. `phone`: as typed; stored with `call_back` only.
    `further`: by the keys of the questions that the form had. `was_asked_after`: it was the second
    step, which has the questions that are asked after such a rating; before it none of these is
    mandatory, and those that the form did not have stay as they were answered. `language`: of the
    page.
    """

    rating: int | None
    reasons: Sequence[str] = ()
    comment: str = ""
    not_me: bool = False
    call_back: bool = False
    phone: str = ""
    further: Mapping[str, Given] = {}
    was_asked_after: bool = False
    language: str = ""


class Form(Struct, frozen=True):
    """What a survey asks. `questions`: after the leading one (`mail.campaigns.asked`).

    `zone`: of the place that the survey is about, IANA; phone numbers are of its country.
    """

    lead: Lead
    questions: Sequence[FurtherQuestion]
    zone: str

    def following(self, sentiment: Sentiment | None) -> list[FurtherQuestion]:
        """The questions that are asked where the leading value has this sentiment."""
        return [question for question in self.questions if question.follows(sentiment)]

    def kept(self, submission: Submission) -> set[str]:
        """The keys of questions whose answers stay: the form did not have them."""
        if submission.was_asked_after:
            return set()
        following = self.following(self.lead.sentiment(submission.rating))
        after = {question.key for question in following if question.after}
        return after - submission.further.keys()

    def invalid_fields(self, submission: Submission) -> list[str]:
        """Return what keeps `submission` from being recorded, in the order of the page.

        They are `rating`, `reasons`, `comment`, `phone`, or `further.` and the key of a question.
        With `not_me`, nothing is mandatory.
        """
        return list(self._invalid(_cleaned(submission)))

    def _invalid(self, said: Submission) -> Iterator[str]:
        if said.rating not in self.lead.scale.values and (
            said.rating is not None or not said.not_me
        ):
            yield "rating"
        if not {reason.code for reason in self.lead.reasons}.issuperset(said.reasons):
            yield "reasons"
        is_missing = not said.not_me and not said.comment
        if (is_missing and self.lead.requires_comment(said.rating)) or _is_long(said.comment):
            yield "comment"
        yield from self._invalid_further(said)
        if said.call_back and (
            len(said.phone) > LONGEST_PHONE or call_link(said.phone, self.zone) is None
        ):
            yield "phone"

    def _invalid_further(self, said: Submission) -> Iterator[str]:
        for question in self.following(self.lead.sentiment(said.rating)):
            given = said.further.get(question.key, Given())
            is_demanded = said.was_asked_after or not question.after
            is_missing = question.mandatory and is_demanded and not said.not_me
            if not _is_valid(question, given) or (is_missing and given == Given()):
                yield f"further.{question.key}"

    def body_of(self, submission: Submission, language: str) -> Body:
        """The answer in a valid `submission`: of each question that is asked after its rating.

        A question that was left empty has no value; choices are in the order of the question.
        """
        said = _cleaned(submission)
        sentiment = self.lead.sentiment(said.rating)
        chosen = said.reasons if sentiment == "negative" else ()
        lead = Value(
            kind=self.lead.kind,
            value=said.rating,
            choices=[reason.code for reason in self.lead.reasons if reason.code in chosen],
            text=said.comment,
        )
        further = {
            question.key: Value(
                kind=question.kind,
                value=given.value,
                choices=[one.code for one in question.choices if one.code in given.choices],
                text=given.text,
            )
            for question in self.following(sentiment)
            if (given := said.further.get(question.key, Given())) != Given()
        }
        return Body(
            values={LEAD: lead, **further},
            not_me=said.not_me,
            call_back=said.call_back,
            language=language,
            phone=said.phone if said.call_back else "",
        )


def _is_valid(question: FurtherQuestion, given: Given) -> bool:
    """Whether `given` has nothing but what the form of `question` can have."""
    match question.kind:
        case "text":
            return not _is_long(given.text) and given == Given(text=given.text)
        case "choice":
            is_known = {choice.code for choice in question.choices}.issuperset(given.choices)
            is_one = question.several or len(given.choices) <= 1
            return is_known and is_one and given == Given(choices=given.choices)
        case _:
            scale = question.scale
            is_on_scale = given.value is None or (scale is not None and given.value in scale.values)
            return is_on_scale and given == Given(value=given.value)


def _is_long(text: str) -> bool:
    return len(text) > LONGEST_COMMENT


def _cleaned(submission: Submission) -> Submission:
    """Return it without control characters: its phone number as typed, in one line.

    Other texts get the line ends that browsers count.
    """
    return replace(
        submission,
        comment=_text(submission.comment),
        phone=" ".join(_CONTROLS.sub(" ", submission.phone).split()),
        further={
            key: replace(given, choices=tuple(given.choices), text=_text(given.text))
            for key, given in submission.further.items()
        },
    )


def _text(typed: str) -> str:
    lines = typed.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", lines).strip()
