"""The questions of a campaign: one rating leads, others follow."""

from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from mail.campaigns.look import Look, Plain
from mail.campaigns.texts import Code, Lines
from rules.questions.scales import SCALES, RatingKind, Scale, Sentiment, sentiment_of

#: The last two have no value.
QuestionKind: TypeAlias = Literal["thumbs", "stars", "effort", "nps", "choice", "text"]

#: The keys of the leading question, and of the one that "measure the NPS" adds.
LEAD: Final = "lead"
NPS: Final = "nps"

NegativeAt: TypeAlias = Annotated[int, Meta(ge=-1, le=9)]
PositiveAt: TypeAlias = Annotated[int, Meta(ge=0, le=11)]
Score: TypeAlias = Annotated[int, Meta(ge=0, le=10)]


class ReasonChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a list to choose from, such as the reasons that a negative rating opens."""

    code: Code
    label: Lines


Choices: TypeAlias = Annotated[list[ReasonChoice], Meta(max_length=50)]


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """The leading question: a rating, with words for both ends of its scale, and their `look`."""

    text: Lines
    low: Lines = {}
    high: Lines = {}
    kind: RatingKind = "stars"
    look: Look = Plain()


class Lead(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The leading question, with the sentiments of its values.

    `negative_at`: values up to this one are negative; one below the scale: none. `positive_at`:
    values from this one on are positive; one above the scale: none. Null is the scale's own.
    `reasons`: choices for a negative value. `comment_required_at`: with values up to this one a
    comment is mandatory; null: with none.
    """

    negative_at: NegativeAt | None = None
    positive_at: PositiveAt | None = None
    reasons: Choices = []
    comment_required_at: Score | None = None

    def __post_init__(self) -> None:
        _classify(self, self.scale)

    @property
    def key(self) -> str:
        """Its key among the questions of a survey."""
        return LEAD

    @property
    def scale(self) -> Scale:
        """Its values."""
        return SCALES[self.kind]

    def sentiment(self, value: int | None) -> Sentiment | None:
        """The sentiment of `value` on its scale; None has none. A negative one opens `reasons`."""
        return _sentiment(self, value)

    def requires_comment(self, value: int | None) -> bool:
        """Whether a rating of `value` needs a comment."""
        least = self.comment_required_at
        return value is not None and least is not None and value <= least


class FurtherQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question that follows the leading one.

    `key`: names it in answers; kept over versions as long as it asks the same. `low`, `high`: words
    for both ends of a rating. `choices`: of the kind `choice`; with `several` more than one may be
    chosen. `mandatory`: unanswered it keeps the form from being sent. `after`: asked only where the
    leading value has one of these sentiments; empty: always. `negative_at`, `positive_at`: as of
    `Lead`; null where it is no rating.
    """

    key: Code
    kind: QuestionKind
    text: Lines
    low: Lines = {}
    high: Lines = {}
    choices: Choices = []
    several: bool = False
    mandatory: bool = False
    after: Annotated[list[Sentiment], Meta(max_length=3)] = []
    negative_at: NegativeAt | None = None
    positive_at: PositiveAt | None = None

    def __post_init__(self) -> None:
        if self.scale is not None:
            _classify(self, self.scale)

    @property
    def scale(self) -> Scale | None:
        """Its values; None where it is no rating."""
        if self.kind == "choice" or self.kind == "text":
            return None
        return SCALES[self.kind]

    def sentiment(self, value: int | None) -> Sentiment | None:
        """The sentiment of `value` on its scale; None where there is none."""
        return _sentiment(self, value)

    def follows(self, lead: Sentiment | None) -> bool:
        """Whether it is asked where the leading value has the sentiment `lead` (None: no value)."""
        return not self.after or lead in self.after


class FromBank(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Questions that a campaign takes from the account's question bank.

    `categories`: all questions of these. `dropped`: but those, by their ids. `number`: how many of
    them each survey asks, drawn at random; 0: all.
    """

    categories: Annotated[list[Code], Meta(max_length=50)]
    dropped: Annotated[list[UUID], Meta(max_length=200)] = []
    number: Annotated[int, Meta(ge=0, le=50)] = 0


class Bank(FromBank, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a version took from the bank, with copies of the questions: editing these changes none.

    `questions`: by category and place in it.
    """

    questions: list[FurtherQuestion] = []


def _classify(question: Lead | FurtherQuestion, scale: Scale) -> None:
    """Fill in the scale's own bounds where the campaign says none; no value is both."""
    if question.negative_at is None:
        force_setattr(question, "negative_at", scale.negative_at)
    typed = scale.positive_at if question.positive_at is None else question.positive_at
    force_setattr(question, "positive_at", max(typed, (question.negative_at or 0) + 1))


def _sentiment(question: Lead | FurtherQuestion, value: int | None) -> Sentiment | None:
    if value is None or question.negative_at is None or question.positive_at is None:
        return None
    return sentiment_of(value, question.negative_at, question.positive_at)
