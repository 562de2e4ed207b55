"""The questions of the survey page in the customer's language, with what was given for them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from mail.campaigns.questions import Choices, FurtherQuestion, Lead, QuestionKind
from mail.campaigns.scale_ends import ends_of
from mail.i18n import text_in
from mail.responses.recording import Value
from mail.responses.submission import Given
from rules.questions.scales import Sentiment
from server.survey.drawings import PLAIN, Drawing, drawings

YES: Final = "yes"
_SIGNS: Final = re.compile(r"\W+\Z")
#: Choices beyond this many are a drop-down.
_MOST_SHOWN: Final = 7


class Step(Struct, frozen=True):
    """A value of a scale, and how it is drawn. `word`: what it means, of both ends; else empty.

    `sentiment`: of the leading question's value; None of others'. `speaks`: it needs a comment.
    """

    value: int
    word: str
    sentiment: Sentiment | None = None
    speaks: bool = False
    drawing: Drawing = PLAIN


class ChoiceShown(Struct, frozen=True):
    """An entry of a list to choose from."""

    code: str
    label: str
    chosen: bool = False


class QuestionShown(Struct, frozen=True, kw_only=True):
    """A question in the customer's language, with what was given for it.

    `name`: of its form field. `low`, `high`: words for both ends of its scale, if any. `after`:
    asked only where the rating has one of these sentiments; empty: always. `several`: more than one
    choice, each a field of its own.
    """

    name: str
    kind: QuestionKind
    text: str
    low: str = ""
    high: str = ""
    steps: list[Step] = []
    choices: list[ChoiceShown] = []
    several: bool = False
    mandatory: bool = False
    after: Sequence[Sentiment] = ()
    value: int | None = None
    typed: str = ""

    @property
    def id(self) -> str:
        """Of the first control, which an error leads to."""
        return f"{self.name}-{self.steps[0].value}" if self.steps else f"{self.name}-1"

    @property
    def last(self) -> int:
        """The best value of its scale."""
        return self.steps[-1].value

    @property
    def is_plain(self) -> bool:
        """Whether its values are drawn as it goes with their kind."""
        return all(step.drawing == PLAIN for step in self.steps)

    @property
    def icons(self) -> list[str]:
        """The images that show its value; none where it has no own icons."""
        if self.value is None:
            return []
        of_value = [step.drawing for step in self.steps if step.value == self.value]
        if any(drawing.filled for drawing in of_value):
            return [
                step.drawing.filled if step.value <= self.value else step.drawing.image
                for step in self.steps
            ]
        return [drawing.image for drawing in of_value if drawing.image]

    @property
    def is_menu(self) -> bool:
        """Whether its choices are a drop-down."""
        return not self.several and len(self.choices) > _MOST_SHOWN


def lead_shown(
    lead: Lead, languages: Sequence[str], value: int | None, account: int
) -> QuestionShown:
    """The leading question; `value`: the rating so far. `account`: whose icons it may show."""
    low, high = ends_of(lead, *languages)
    words = {lead.scale.first: low, lead.scale.last: high}
    return QuestionShown(
        name="rating",
        kind=lead.kind,
        text=text_in(lead.text, *languages),
        low=low,
        high=high,
        steps=[
            Step(
                step,
                words.get(step, ""),
                lead.sentiment(step),
                lead.requires_comment(step),
                drawing,
            )
            for step, drawing in zip(lead.scale.values, drawings(lead, account), strict=True)
        ],
        value=value,
    )


def questions_shown(
    questions: Iterable[FurtherQuestion], languages: Sequence[str], given: Mapping[str, Given]
) -> list[QuestionShown]:
    """The questions that follow the leading one."""
    return [_shown(question, languages, given.get(question.key, Given())) for question in questions]


def _shown(question: FurtherQuestion, languages: Sequence[str], given: Given) -> QuestionShown:
    scale = question.scale
    low, high = ends_of(question, *languages)
    words = {} if scale is None else {scale.first: low, scale.last: high}
    return QuestionShown(
        name=field_of(question.key),
        kind=question.kind,
        text=text_in(question.text, *languages),
        low=low,
        high=high,
        steps=[
            Step(step, words.get(step, "")) for step in (scale.values if scale is not None else ())
        ],
        choices=choices_shown(question.choices, languages, given.choices),
        several=question.several,
        mandatory=question.mandatory,
        after=question.after,
        value=given.value,
        typed=given.text,
    )


def choices_shown(
    choices: Choices, languages: Sequence[str], chosen: Sequence[str]
) -> list[ChoiceShown]:
    """The entries of a list."""
    return [
        ChoiceShown(choice.code, text_in(choice.label, *languages), choice.code in chosen)
        for choice in choices
    ]


def field_of(key: str) -> str:
    """The name of the form field of the question `key`, as `Form.invalid_fields` has it."""
    return f"further.{key}"


def read_given(questions: Iterable[FurtherQuestion], fields: Mapping[str, str]) -> dict[str, Given]:
    """What the fields of a form say of `questions`; a value that is no number is missing."""
    return {question.key: _given(question, fields) for question in questions}


def _given(question: FurtherQuestion, fields: Mapping[str, str]) -> Given:
    name = field_of(question.key)
    typed = fields.get(name, "")
    if question.kind == "text":
        return Given(text=typed)
    if question.kind != "choice":
        return Given(value=read_value(typed))
    if not question.several:
        return Given(choices=(typed,) if typed else ())
    codes = [choice.code for choice in question.choices]
    return Given(choices=tuple(code for code in codes if fields.get(f"{name}.{code}") == YES))


def read_value(text: str) -> int | None:
    """A value of a scale in a field or URL; None if it is none; what a mail adds is ignored."""
    known = {str(value): value for value in range(11)}
    return known.get(_SIGNS.sub("", text))


def given_of(values: Mapping[str, Value]) -> dict[str, Given]:
    """What a stored answer says of the questions after the leading one."""
    return {
        key: Given(value=value.value, choices=tuple(value.choices), text=value.text)
        for key, value in values.items()
    }
