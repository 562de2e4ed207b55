"""Campaigns as far as deciding needs them: what they select, an index by it, and validation."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from rules.criteria import ALL_PERCENT, EVERY_TASK, Criteria
from rules.timing import EARLIEST, LATEST, MAX_DELAY, MAX_WORKING_DELAY

DEADLINE = timedelta(days=28)
STALE = timedelta(days=7)
PRIORITY = 5


class AddressField(StrEnum):
    """Which of a task's four e-mail addresses."""

    CUSTOMER = "customer"
    LOCATION = "location"
    CONTACT = "contact"
    BILLING = "billing"


class Status(StrEnum):
    """The status of a campaign."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


_LIVE = frozenset({Status.ACTIVE, Status.PAUSED})


class Rule(Struct, frozen=True):
    """A campaign asks when a task of one of these types enters one of these states."""

    task_types: frozenset[UUID]
    states: frozenset[str]


Selected: TypeAlias = Mapping[tuple[UUID, str], datetime]
"""Since when a state of a task type is selected, UTC; without an entry, since the activation."""


def selected_since(versions: Iterable[tuple[datetime, Iterable[Rule]]]) -> list[Selected]:
    """Return, for each version of a campaign, since when it selects what its first one did not.

    `versions`: from the first on, each with the time at which it was saved, UTC. What a version
    leaves out and a later one selects again is selected since the later one.
    """
    found: list[Selected] = []
    before: set[tuple[UUID, str]] | None = None
    for saved_at, rules in versions:
        pairs = {
            (kind, state) for rule in rules for kind in rule.task_types for state in rule.states
        }
        since: dict[tuple[UUID, str], datetime] = {}
        if before is not None:
            since = dict.fromkeys(pairs - before, saved_at)
            since |= {pair: at for pair, at in found[-1].items() if pair in pairs}
        found.append(since)
        before = pairs
    return found


class Pause(Struct, frozen=True):
    """A pause from `start` (included) to `end` (excluded; None while it lasts), both UTC."""

    start: datetime
    end: datetime | None

    def covers(self, moment: datetime) -> bool:
        """Return whether `moment` (aware) falls inside the pause."""
        return self.start <= moment and (self.end is None or moment < self.end)


class Period(Struct, frozen=True):
    """The time in which moments may ask: from `start` (included) to `end` (excluded), both UTC."""

    start: datetime = EARLIEST
    end: datetime = LATEST


PERMANENT: Final = Period()


def period_of_days(first: date | None, last: date | None, zone: tzinfo) -> Period:
    """Return the period from the first to the last civil day of `zone`; None is no bound."""
    start, end = EARLIEST, LATEST
    if first is not None and EARLIEST.date() < first < LATEST.date():
        start = datetime.combine(first, time(), zone).astimezone(UTC)
    if last is not None and EARLIEST.date() < last < LATEST.date():
        end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    return Period(start, end)


class Campaign(Struct, frozen=True, kw_only=True):
    """One version of a campaign, as far as deciding needs it.

    `delay`: from a transition's moment to its due time, elapsed or, if `in_working_hours`, worked.
    `mute`: at most one survey to an address within this time, or to a customer if
    `mute_per_customer`; None is no mute.
    `deadline`: how long answers are taken, from the first acceptance of the mail by SMTP.
    `stale`: a transition that was older than this at reception never sends; None is no limit.
    `activated_at`: UTC; None before the first activation.
    `pauses`: the campaign's own and those of the account-wide switch, in any order.
    `opt_out_allowed`: whether a technician who unticks the survey keeps it from being sent.
    `period`: moments outside it ask nobody.
    `criteria`, `sample_percent`: of the tasks, which and how many of each hundred are asked about.
    `reminders`: how many mails at most remind of a survey that is not answered, each so many
    `reminder_days`, civil ones, after the mail before.
    `selected_since`: steps before it are not the campaign's. `saved_at`: of this version, UTC.
    `priority`: the larger goes first where the account's cap has no room for all.
    """

    id: UUID
    version: int
    rules: tuple[Rule, ...]
    primary: AddressField
    secondary: AddressField | None = None
    delay: timedelta = timedelta(0)
    in_working_hours: bool = False
    mute: timedelta | None = None
    mute_per_customer: bool = False
    deadline: timedelta = DEADLINE
    stale: timedelta | None = STALE
    status: Status = Status.DRAFT
    activated_at: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    opt_out_allowed: bool = False
    period: Period = PERMANENT
    criteria: Criteria = EVERY_TASK
    sample_percent: int = ALL_PERCENT
    reminders: int = 0
    reminder_days: int = 7
    selected_since: Selected = {}
    saved_at: datetime = EARLIEST
    priority: int = PRIORITY

    def states_for(self, task_type: UUID) -> frozenset[str]:
        """Return the selected states of a task type: the union over the rules that name it."""
        chosen = (rule.states for rule in self.rules if task_type in rule.task_types)
        return frozenset().union(*chosen)


class CampaignIndex:
    """The live campaigns of one account, by task type and by (task type, state).

    Live are active and paused ones: decisions of paused campaigns are recorded too. Immutable.
    """

    def __init__(self, campaigns: Iterable[Campaign]) -> None:
        """Index those of `campaigns` that are live; look-ups keep their order."""
        by_type: defaultdict[UUID, list[Campaign]] = defaultdict(list)
        by_entry: defaultdict[tuple[UUID, str], list[Campaign]] = defaultdict(list)
        for campaign in campaigns:
            if campaign.status not in _LIVE:
                continue
            for task_type in {name for rule in campaign.rules for name in rule.task_types}:
                by_type[task_type].append(campaign)
                for state in campaign.states_for(task_type):
                    by_entry[task_type, state].append(campaign)
        self._by_type = {key: tuple(found) for key, found in by_type.items()}
        self._by_entry = {key: tuple(found) for key, found in by_entry.items()}

    def matching(self, task_type: UUID) -> tuple[Campaign, ...]:
        """Return the campaigns that select any state of this task type."""
        return self._by_type.get(task_type, ())

    def for_transition(self, task_type: UUID, state: str) -> tuple[Campaign, ...]:
        """Return the campaigns that select this state for this task type."""
        return self._by_entry.get((task_type, state), ())


class Fault(StrEnum):
    """What can be wrong with one field of a campaign."""

    REQUIRED = "required"
    NEGATIVE = "negative"
    NOT_POSITIVE = "not_positive"
    NOT_WHOLE_MINUTES = "not_whole_minutes"
    TOO_LONG = "too_long"
    SAME_AS_PRIMARY = "same_as_primary"
    ENDS_BEFORE_START = "ends_before_start"
    PAST_DEADLINE = "past_deadline"


class Problem(Struct, frozen=True):
    """One problem of a campaign, as a code that is translated where it is shown.

    `field`: dotted path in the campaign, such as `rules.0.states`.
    """

    code: Fault
    field: str


def validate(campaign: Campaign) -> list[Problem]:
    """Return everything that keeps `campaign` from being saved; empty if it may be."""
    none = timedelta(0)
    required = {"rules": bool(campaign.rules)}
    for number, rule in enumerate(campaign.rules):
        required[f"rules.{number}.task_types"] = bool(rule.task_types)
        required[f"rules.{number}.states"] = bool(rule.states)
    problems = [Problem(Fault.REQUIRED, field) for field, given in required.items() if not given]
    if campaign.delay < none:
        problems.append(Problem(Fault.NEGATIVE, "delay"))
    if campaign.delay > (MAX_WORKING_DELAY if campaign.in_working_hours else MAX_DELAY):
        problems.append(Problem(Fault.TOO_LONG, "delay"))
    if campaign.delay % timedelta(minutes=1):
        problems.append(Problem(Fault.NOT_WHOLE_MINUTES, "delay"))
    spans = {"mute": campaign.mute, "deadline": campaign.deadline, "stale": campaign.stale}
    problems += [
        Problem(Fault.NOT_POSITIVE, field)
        for field, span in spans.items()
        if span is not None and span <= none
    ]
    if campaign.secondary is campaign.primary:
        problems.append(Problem(Fault.SAME_AS_PRIMARY, "secondary"))
    if campaign.period.end <= campaign.period.start:
        problems.append(Problem(Fault.ENDS_BEFORE_START, "last_day"))
    last_reminder = campaign.reminders * timedelta(days=campaign.reminder_days)
    if campaign.reminders and last_reminder >= campaign.deadline:
        problems.append(Problem(Fault.PAST_DEADLINE, "reminder_days"))
    return problems
