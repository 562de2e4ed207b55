"""Lines of a replay: what a campaign would have decided on one transition."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct, structs

from mail.planning.history import TaskHistory, read_calendars, read_whole
from mail.planning.plan import SCHEDULED
from mail.replay.as_if import AsIf
from rules.decide import Choice, Schedule
from rules.history import Transition
from rules.replay import Released, RoundReplayed, replay
from sync.database import Tx

#: A task, and when its later rounds were opened.
History: TypeAlias = tuple[TaskHistory, Sequence[datetime]]


class Line(Struct, frozen=True, kw_only=True, gc=False):
    """What a campaign would have decided on a transition. Times are UTC.

    `title`, `external_id`: of its task. `state`, `unit`, `moment`: of the transition. `outcome`:
    `scheduled`, or the reason why not; `choice`: of the person, where `suppressed` is one.
    `release`: of one that was scheduled until then. `address`: whom it would have asked, as typed.
    """

    task: UUID
    title: str = ""
    external_id: str | None = None
    round: int
    transition: UUID
    state: str
    unit: UUID | None
    moment: datetime
    outcome: str
    choice: Choice | None = None
    release: datetime | None = None
    address: str | None = None

    @property
    def place(self) -> tuple[datetime, int]:
        """Lines are listed by it, the newest first."""
        return self.moment, self.transition.int


class Scheduled(Struct, frozen=True, gc=False):
    """A line whose address decides. `released`: None where the survey still waits."""

    line: Line
    step: Transition
    schedule: Schedule
    released: Released | None

    @property
    def moment(self) -> datetime:
        """Of the transition, UTC."""
        return self.line.moment

    def foretold(self, state: str) -> "Scheduled":
        """The same, released if it still waits, as if nothing happens. `state`: of the task."""
        if self.released is not None:
            return self
        release = self.schedule.release
        released = Released(self.schedule, release, release, state, release)
        return structs.replace(self, released=released)


async def read_histories(tx: Tx, as_if: AsIf, tasks: Sequence[UUID]) -> list[History]:
    """Return the histories of tasks, with the calendars of their locations where they count."""
    found = await read_whole(tx, tasks)
    await read_calendars(tx, as_if.campaigns, [as_if.rules], [history for history, _ in found])
    return found


def replayed(as_if: AsIf, histories: Sequence[History]) -> list[Line | Scheduled]:
    """Return what is decided on the transitions of these tasks, whose moments are in the period.

    A transition has one line, that of its last round.
    """
    found: list[Line | Scheduled | None] = []
    for history, opened in histories:
        rounds = replay(
            history.task,
            history.transitions,
            opened,
            as_if.rules,
            as_if.kinds,
            history.calendar,
            until=as_if.until,
        )
        lines = {step.id: _line(history.task, one, step) for one in rounds for step in one.steps}
        found += lines.values()
    return [line for line in found if line is not None and line.moment >= as_if.since]


def _line(task: UUID, replayed_round: RoundReplayed, step: Transition) -> Line | Scheduled | None:
    """Return what was decided on a step; None where it enters no selected state."""
    decision = replayed_round.decisions.get(step.id)
    if decision is None:
        return None
    line = Line(
        task=task,
        round=replayed_round.number,
        transition=step.id,
        state=step.state,
        unit=step.facts.unit,
        moment=step.moment,
        outcome=SCHEDULED,
        release=replayed_round.releases.get(step.id),
    )
    if not isinstance(decision, Schedule):
        return structs.replace(line, outcome=decision.reason.value)
    released = replayed_round.released
    if released is None:
        line = structs.replace(line, release=decision.release)
    return Scheduled(line, step, decision, released)
