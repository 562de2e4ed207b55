"""What a campaign says about when and whom to ask, and what is wrong with it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from rules.timing import MAX_DELAY

DEADLINE = timedelta(days=28)
STALE = timedelta(days=7)


class AddressField(StrEnum):
    """The four places where a task's e-mail address may stand."""

    CUSTOMER = "customer"
    LOCATION = "location"
    CONTACT = "contact"
    BILLING = "billing"


class Status(StrEnum):
    """Where a campaign is in its life."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class Rule(Struct, frozen=True):
    """Any of these task types entering any of these states makes the campaign ask."""

    task_types: frozenset[UUID]
    states: frozenset[str]


class Pause(Struct, frozen=True):
    """From `start` (included) to `end` (excluded, None while it lasts), both UTC."""

    start: datetime
    end: datetime | None

    def covers(self, moment: datetime) -> bool:
        """Tell whether `moment` (aware) falls inside the pause."""
        return self.start <= moment and (self.end is None or moment < self.end)


class Campaign(Struct, frozen=True, kw_only=True):
    """One version of a campaign, as far as deciding needs it.

    `delay`: elapsed time from a transition's moment; from DD:HH:MM.
    `mute`: at most one survey to an address in this time; None is no mute.
    `deadline`: how long answers are taken, from the first acceptance by SMTP.
    `stale`: a transition older than this at reception never sends; None is off.
    `activated_at`: UTC; None before the first activation.
    `pauses`: the campaign's own and those of the account-wide switch, in any order.
    `opt_out_allowed`: an unticked survey is obeyed.
    """

    id: UUID
    version: int
    rules: tuple[Rule, ...]
    primary: AddressField
    secondary: AddressField | None = None
    delay: timedelta = timedelta(0)
    mute: timedelta | None = None
    deadline: timedelta = DEADLINE
    stale: timedelta | None = STALE
    status: Status = Status.DRAFT
    activated_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    opt_out_allowed: bool = False

    def states_for(self, task_type: UUID) -> frozenset[str]:
        """Return the selected states of a task type: the union over the rules that name it."""
        chosen = (rule.states for rule in self.rules if task_type in rule.task_types)
        return frozenset().union(*chosen)


class Fault(StrEnum):
    """What can be wrong with one field of a campaign."""

    REQUIRED = "required"
    NEGATIVE = "negative"
    NOT_POSITIVE = "not_positive"
    NOT_WHOLE_MINUTES = "not_whole_minutes"
    TOO_LONG = "too_long"
    SAME_AS_PRIMARY = "same_as_primary"


class Problem(Struct, frozen=True):
    """One refusal, to be worded in the reader's language.

    `field`: dotted path in the campaign, such as `rules.0.states`.
    """

    code: Fault
    field: str


def validate(campaign: Campaign) -> list[Problem]:
    """Return everything that keeps `campaign` from being saved; empty when it may be."""
    return [
        *_of_rules(campaign),
        *_of_delay(campaign.delay),
        *_of_spans(campaign),
        *_of_addresses(campaign),
    ]


def _of_rules(campaign: Campaign) -> Iterator[Problem]:
    if not campaign.rules:
        yield Problem(Fault.REQUIRED, "rules")
    for place, rule in enumerate(campaign.rules):
        if not rule.task_types:
            yield Problem(Fault.REQUIRED, f"rules.{place}.task_types")
        if not rule.states:
            yield Problem(Fault.REQUIRED, f"rules.{place}.states")


def _of_delay(delay: timedelta) -> Iterator[Problem]:
    if delay < timedelta(0):
        yield Problem(Fault.NEGATIVE, "delay")
    if delay > MAX_DELAY:
        yield Problem(Fault.TOO_LONG, "delay")
    if delay % timedelta(minutes=1):
        yield Problem(Fault.NOT_WHOLE_MINUTES, "delay")


def _of_spans(campaign: Campaign) -> Iterator[Problem]:
    spans = {"mute": campaign.mute, "deadline": campaign.deadline, "stale": campaign.stale}
    for field, span in spans.items():
        if span is not None and span <= timedelta(0):
            yield Problem(Fault.NOT_POSITIVE, field)


def _of_addresses(campaign: Campaign) -> Iterator[Problem]:
    if campaign.secondary is campaign.primary:
        yield Problem(Fault.SAME_AS_PRIMARY, "secondary")
