"""What a customer answered, as the console shows it in the reader's language."""

from collections.abc import Mapping
from typing import Self

from msgspec import Struct

from mail.campaigns.asked import questions_by_key
from mail.campaigns.definition import Content
from mail.campaigns.questions import LEAD, Choices
from mail.i18n import text_in
from mail.responses.recording import Value
from rules.questions.scales import SCALES, RatingKind, Scale


class Rating(Struct, frozen=True):
    """A value on the scale of `kind`, or a mean of several."""

    kind: RatingKind
    value: float

    @classmethod
    def of(cls, kind: RatingKind, value: float | None) -> Self | None:
        """A rating; None without a value."""
        return None if value is None else cls(kind, value)

    @property
    def scale(self) -> Scale:
        """The values that there are."""
        return SCALES[self.kind]

    @property
    def stars(self) -> int:
        """The value rounded to whole stars."""
        return round(self.value)

    @property
    def share(self) -> float:
        """How far the value is between both ends of the scale, 0 to 1."""
        return (self.value - self.scale.first) / (self.scale.last - self.scale.first)


class Further(Struct, frozen=True):
    """The answer to a question that follows the leading one; `choices`: their labels."""

    question: str
    rating: Rating | None
    choices: list[str]
    text: str


class Said(Struct, frozen=True):
    """An answer. `reasons`: their labels."""

    rating: Rating | None
    reasons: list[str]
    comment: str
    further: list[Further]


def read_said(content: Content, values: Mapping[str, Value], language: str) -> Said:
    """What `values`, by the keys of questions, say of the leading question and of others.

    `content`: of the version that asked them.
    """
    lead = values[LEAD]
    return Said(
        rating=rating_of(lead),
        reasons=labels(content.lead.reasons, lead, language),
        comment=lead.text,
        further=[
            Further(
                question=text_in(question.text, language),
                rating=rating_of(values[key]),
                choices=labels(question.choices, values[key], language),
                text=values[key].text,
            )
            for key, question in questions_by_key(content).items()
            if key in values
        ],
    )


def rating_of(value: Value) -> Rating | None:
    """The rating in `value`; None where it has none."""
    if value.kind == "choice" or value.kind == "text":
        return None
    return Rating.of(value.kind, value.value)


def labels(choices: Choices, value: Value, language: str) -> list[str]:
    """The labels of what was chosen; a code that is not among `choices` stays as it is."""
    known = {choice.code: text_in(choice.label, language) for choice in choices}
    return [known.get(code, code) for code in value.choices]
