"""What is wrong with the questions of a definition."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from mail.campaigns.definition import Definition
from mail.campaigns.problem import Problem
from mail.campaigns.questions import LEAD, NPS, Choices, FurtherQuestion, Question
from mail.campaigns.texts import Language
from rules.questions.scales import Scale
from sync.validation import is_line, is_visible

#: Choices of all questions together: the form of a page has a field for each.
MOST_CHOICES: Final = 500
FEWEST_CHOICES: Final = 2
#: Keys that belong to other questions; those of the bank's are made of their ids.
RESERVED: Final = re.compile(rf"{LEAD}|{NPS}|q_[0-9a-f]{{32}}")


def check_questions(definition: Definition) -> Iterator[Problem]:
    """Everything that is wrong with the leading question and those that follow it."""
    lead = definition.lead
    yield from _check_text("question.text", lead.text)
    yield from _check_ends("question", lead)
    yield from _check_classes("", lead.scale, lead.negative_at, lead.positive_at)
    required_at = lead.comment_required_at
    if required_at is not None and required_at not in lead.scale.values:
        yield Problem("not_on_scale", "comment_required_at")
    yield from _check_choices("reasons", lead.reasons)
    if definition.measure_nps and lead.kind == "nps":
        yield Problem("asked_already", "measure_nps")
    if sum(len(question.choices) for question in definition.further) > MOST_CHOICES:
        yield Problem("too_many_choices", "further")
    seen: set[str] = set()
    for index, question in enumerate(definition.further):
        field = f"further.{index}"
        if question.key in seen:
            yield Problem("repeated", f"{field}.key")
        elif RESERVED.fullmatch(question.key):
            yield Problem("reserved", f"{field}.key")
        seen.add(question.key)
        yield from check_question(field, question)


def check_question(field: str, question: FurtherQuestion) -> Iterator[Problem]:
    """Everything that is wrong with one of them, but for its key. `field`: its dotted path."""
    yield from _check_text(f"{field}.text", question.text)
    yield from _check_ends(field, question)
    yield from _check_choices(f"{field}.choices", question.choices)
    if len(set(question.after)) < len(question.after):
        yield Problem("repeated", f"{field}.after")
    if question.scale is not None:
        bounds = question.negative_at, question.positive_at
        yield from _check_classes(f"{field}.", question.scale, *bounds)
    if question.kind == "choice" and len(question.choices) < FEWEST_CHOICES:
        yield Problem("too_few_choices", f"{field}.choices")
    is_rating, is_choice = question.scale is not None, question.kind == "choice"
    others = {
        "low": question.low and not is_rating,
        "high": question.high and not is_rating,
        "negative_at": question.negative_at is not None and not is_rating,
        "positive_at": question.positive_at is not None and not is_rating,
        "choices": question.choices and not is_choice,
        "several": question.several and not is_choice,
    }
    yield from (Problem("other_kind", f"{field}.{name}") for name in others if others[name])


def _check_text(field: str, texts: Mapping[Language, str]) -> Iterator[Problem]:
    if not any(map(is_visible, texts.values())):
        yield Problem("required", field)
    yield from _check_lines(field, texts)


def _check_ends(field: str, question: Question | FurtherQuestion) -> Iterator[Problem]:
    yield from _check_lines(f"{field}.low", question.low)
    yield from _check_lines(f"{field}.high", question.high)


def _check_lines(field: str, texts: Mapping[Language, str]) -> Iterator[Problem]:
    for language, text in texts.items():
        if not is_line(text):
            yield Problem("forbidden_characters", f"{field}.{language}")


def _check_classes(
    prefix: str, scale: Scale, negative_at: int | None, positive_at: int | None
) -> Iterator[Problem]:
    """None negative is one below the scale, none positive one above."""
    if negative_at is not None and not scale.first - 1 <= negative_at <= scale.last:
        yield Problem("not_on_scale", f"{prefix}negative_at")
    elif positive_at is not None and not scale.first <= positive_at <= scale.last + 1:
        yield Problem("not_on_scale", f"{prefix}positive_at")


def _check_choices(field: str, choices: Choices) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, choice in enumerate(choices):
        if choice.code in seen:
            yield Problem("repeated", f"{field}.{index}.code")
        seen.add(choice.code)
        if not any(map(is_visible, choice.label.values())):
            yield Problem("required", f"{field}.{index}.label")
        if not all(map(is_line, choice.label.values())):
            yield Problem("forbidden_characters", f"{field}.{index}.label")
