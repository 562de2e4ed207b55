"""Replay: what a campaign decides on a task, step by step as its transitions were received.

Each reception is planned with what was known then, and each release judged by the state that the
task was in then, by the functions that do so for real. What lies in addresses is left to the
caller: it changes nothing else about a task.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from msgspec import Struct, field
from msgspec.structs import replace

from rules.at_release import drop_reason_for_campaign, drop_reason_for_state
from rules.calendar import ALWAYS, Calendar
from rules.campaign import Campaign
from rules.decide import BY_VERSION, REARMING, Decision, Reason, RoundSoFar, Schedule, Skip, decide
from rules.history import StateKind, Transition, by_rounds, current

_by_reception = attrgetter("received")


class Released(Struct, frozen=True, gc=False):
    """A survey that is sent unless its address prevents it.

    `judged`: when, UTC: at its release, or when a pause that held it ended. `release`: when it may
    go then. `state`: of the task at that time. `made`: when the survey was first planned; of those
    of one release the earlier one comes first.
    """

    schedule: Schedule
    release: datetime
    judged: datetime
    state: str
    made: datetime


class RoundReplayed(Struct):
    """What came of one round of a task.

    `steps`: its transitions with effective moments. `decisions`: of each into a selected state; a
    Schedule that is not `released` still waits. `releases`: at which transitions were judged, UTC,
    of those that were.
    """

    number: int
    steps: Sequence[Transition] = ()
    decisions: dict[UUID, Decision] = field(default_factory=dict)
    releases: dict[UUID, datetime] = field(default_factory=dict)
    released: Released | None = None


class _Round:
    """A round as the database has it between two receptions. `made`: None without a survey."""

    def __init__(self, number: int) -> None:
        self.shown = RoundReplayed(number)
        self.dropped: dict[UUID, Reason] = {}
        self.rearm_transition: UUID | None = None
        self.made: datetime | None = None
        self.waiting: Schedule | None = None

    def so_far(self, *, closed: bool) -> RoundSoFar:
        """What the next decisions depend on."""
        released, decisions = self.shown.released, self.shown.decisions
        standing = None if released is None else released.schedule.transition
        skipped = {
            step: decision.reason
            for step, decision in decisions.items()
            if isinstance(decision, Skip) and decision.reason in BY_VERSION and self.made is None
        }
        number, rearm = self.shown.number, self.rearm_transition
        return RoundSoFar(standing, self.dropped, rearm, number, skipped, closed)

    def decided(self, decisions: dict[UUID, Decision], at: datetime) -> None:
        """Keep new `decisions`; the survey is made, moved or withdrawn."""
        released = self.shown.released
        self.shown.decisions = decisions
        if released is not None:
            # Late steps move it to no other round: its moment stays before its own reception.
            decisions[released.schedule.transition] = released.schedule
            return
        schedules = (one for one in decisions.values() if isinstance(one, Schedule))
        self.waiting = next(schedules, None)
        if self.waiting is not None:
            self.made = self.made or at
        elif not self.dropped:
            self.made = None

    def drop(self, step: UUID, skip: Skip, last: UUID) -> None:
        """The survey about `step` is not sent. `last`: the task's last transition."""
        self.shown.decisions[step] = skip
        self.dropped[step] = skip.reason
        self.rearm_transition = last if skip.reason in REARMING else None


class _Task:
    """One task and the campaign that is replayed on it."""

    def __init__(
        self, task: UUID, campaign: Campaign, kinds: Mapping[str, StateKind], calendar: Calendar
    ) -> None:
        self.task, self.campaign = task, campaign
        self.kinds, self.calendar = kinds, calendar
        self.known: list[Transition] = []
        self.rounds = [_Round(1)]

    def plan(self, opened: Sequence[datetime], at: datetime) -> None:
        """Decide on what is known `at` that time, when these rounds were `opened`."""
        parts = by_rounds(self.known, opened)
        self.rounds += [_Round(number + 1) for number in range(len(self.rounds), len(parts))]
        for kept, steps in zip(self.rounds, parts, strict=True):
            past = kept.so_far(closed=kept.shown.number < len(parts))
            kept.shown.steps = steps
            kept.decided(decide(steps, self.campaign, self.task, past, self.calendar), at)

    def release(self, until: datetime, *, inclusive: bool = False) -> None:
        """Judge the survey that waits if that is due before `until`, or then if `inclusive`."""
        for kept in self.rounds:
            if kept.waiting is None:
                continue
            release, judged = self._judged(kept.waiting.release)
            if judged < until or (inclusive and judged == until):
                self._judge(kept, kept.waiting, release, judged)

    def _judge(self, kept: _Round, schedule: Schedule, release: datetime, judged: datetime) -> None:
        last = current(self.known)
        step = next(one for one in kept.shown.steps if one.id == schedule.transition)
        assert last is not None and kept.made is not None  # noqa: S101, PT018 - one is due
        selected = self.campaign.states_for(step.type)
        skip = self._late(release, judged) or drop_reason_for_state(
            last.state, self.kinds[last.state], selected
        )
        kept.waiting = None
        kept.shown.releases[step.id] = release
        if skip is None:
            kept.shown.released = Released(schedule, release, judged, last.state, kept.made)
        else:
            kept.drop(step.id, skip, last.id)

    def _judged(self, release: datetime) -> tuple[datetime, datetime]:
        """Return the release as it is when it is judged, and when: pauses and calendar hold it.

        The calendar moves the release, so that a later pause is measured from there. What a pause
        held too long is dropped when that ends, whether mail may go then or not.
        """
        judged = release
        while True:
            held = [pause.end for pause in self.campaign.pauses if pause.covers(judged)]
            ends = [end for end in held if end is not None]
            if ends:
                judged = max(ends)
                continue
            opens = self.calendar.first_open(judged)
            if opens == judged or self._late(release, judged):
                return release, judged
            release = judged = opens

    def _late(self, release: datetime, judged: datetime) -> Skip | None:
        """Return why pauses that had ended by then drop what is judged at that time."""
        past = [pause for pause in self.campaign.pauses if pause.end and pause.end <= judged]
        return drop_reason_for_campaign(replace(self.campaign, pauses=tuple(past)), release, None)


def replay(
    task: UUID,
    transitions: Iterable[Transition],
    opened: Sequence[datetime],
    campaign: Campaign,
    kinds: Mapping[str, StateKind],
    calendar: Calendar = ALWAYS,
    *,
    until: datetime,
) -> list[RoundReplayed]:
    """Return what `campaign` decides on each round of `task`, as of the time `until` (UTC).

    Empty where no step enters a selected state.

    `transitions`: all of the task, in any order; those that are received later do not count.
    `opened`: when its later rounds were, UTC. `campaign`: its pauses have ended. `kinds`: of
    states. `calendar`: of the task's location.
    """
    arrived = [step for step in sorted(transitions, key=_by_reception) if step.received <= until]
    selected = {
        task_type: campaign.states_for(task_type) for task_type in {t.type for t in arrived}
    }
    matching = (step.received for step in arrived if step.state in selected[step.type])
    begins = next(matching, None)
    if begins is None:
        return []
    replayed = _Task(task, campaign, kinds, calendar)
    arrivals = {at: list(steps) for at, steps in groupby(arrived, _by_reception)}
    for at in sorted({*arrivals, *(one for one in opened if one <= until)}):
        replayed.release(at)
        replayed.known += arrivals.get(at, ())
        if at >= begins:
            replayed.plan([one for one in opened if one <= at], at)
    replayed.release(until, inclusive=True)
    return [kept.shown for kept in replayed.rounds]
