"""What a campaign says: its rules, question, reasons and message, as one version stores them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from rules.campaign import AddressField, Campaign, Pause, Rule, Status
from rules.timing import parse_delay

Language: TypeAlias = Literal["fr", "en"]
Line: TypeAlias = Annotated[str, Meta(max_length=200)]
Lines: TypeAlias = dict[Language, Line]
Paragraphs: TypeAlias = dict[Language, Annotated[str, Meta(max_length=4000)]]
Information: TypeAlias = dict[Language, Annotated[str, Meta(max_length=800)]]
Code: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z0-9_]{1,40}\Z")]
Address: TypeAlias = Annotated[str, Meta(max_length=254)]
Days: TypeAlias = Annotated[int, Meta(ge=1, le=3650)]

BEST_RATING: Final = 5


class Trigger(Struct, frozen=True, forbid_unknown_fields=True):
    """Any of these task types entering any of these states makes the campaign ask."""

    task_types: Annotated[list[UUID], Meta(max_length=200)]
    states: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=200)]


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """The leading question: one to five stars, with words for both ends of the scale."""

    text: Lines
    low: Lines = {}
    high: Lines = {}
    kind: Literal["stars"] = "stars"


class ReasonChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the list that a negative rating opens."""

    code: Code
    label: Lines


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """The mail. Without `sender_address` it comes from the server's own."""

    sender_name: Line
    subject: Lines
    title: Lines
    body: Paragraphs
    sender_address: Address | None = None
    reply_to: Address | None = None


class Definition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a campaign.

    `delay`, `mute`: DD:HH:MM; a null mute is no mute. `deadline_days`: how long answers are
    taken after sending. `stale_days`: a transition older than this at reception asks nobody;
    null is off. `negative_at`: ratings up to this one are negative; 0 is none.
    """

    rules: Annotated[list[Trigger], Meta(max_length=100)]
    question: Question
    message: Message
    delay: str = "00:00:00"
    mute: str | None = None
    primary: AddressField = AddressField.CUSTOMER
    secondary: AddressField | None = None
    deadline_days: Days = 28
    stale_days: Days | None = 7
    opt_out_allowed: bool = False
    negative_at: Annotated[int, Meta(ge=0, le=4)] = 2
    reasons: Annotated[list[ReasonChoice], Meta(max_length=50)] = []
    information: Information = {}
    privacy_url: Annotated[str, Meta(max_length=500)] | None = None

    @property
    def deadline(self) -> timedelta:
        """How long answers are taken after sending."""
        return timedelta(days=self.deadline_days)

    @property
    def mute_window(self) -> timedelta | None:
        """At most one survey to an address in this time; None is no mute."""
        return None if self.mute is None else parse_delay(self.mute)

    def is_negative(self, rating: int) -> bool:
        """Tell whether `rating` (1 to 5) opens the list of reasons."""
        return rating <= self.negative_at


_DECODER: Final = msgspec.json.Decoder(Definition)


def decode(stored: str | bytes) -> Definition:
    """Read a stored definition, or one that just arrived.

    :raises msgspec.ValidationError: an unknown field, a wrong type or a bound passed.
    """
    return _DECODER.decode(stored)


def encode(definition: Definition) -> str:
    """Write `definition` as the JSON text that is stored."""
    return msgspec.json.encode(definition).decode()


def in_language(texts: Mapping[Language, str], *wanted: str) -> str:
    """Return the text in the first of `wanted` (locales such as fr_CA) that has one, else any.

    Pass the customer's language, then the account's. Empty where there is no text at all.
    """
    spoken = {str(language): text for language, text in texts.items()}
    found = (spoken.get(locale[:2]) for locale in wanted)
    return next(filter(None, (*found, *spoken.values())), "")


def to_rules(
    campaign: UUID,
    version: int,
    definition: Definition,
    status: Status,
    activated_at: datetime | None,
    pauses: tuple[Pause, ...],
) -> Campaign:
    """Return what deciding needs of a campaign.

    :raises DelayError: `delay` or `mute` is not DD:HH:MM; `mail.checks` finds that before saving.
    """
    stale = definition.stale_days
    return Campaign(
        id=campaign,
        version=version,
        rules=tuple(
            Rule(frozenset(rule.task_types), frozenset(rule.states)) for rule in definition.rules
        ),
        primary=definition.primary,
        secondary=definition.secondary,
        delay=parse_delay(definition.delay),
        mute=definition.mute_window,
        deadline=definition.deadline,
        stale=None if stale is None else timedelta(days=stale),
        status=status,
        activated_at=activated_at,
        pauses=pauses,
        opt_out_allowed=definition.opt_out_allowed,
    )
