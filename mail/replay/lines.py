"""Lines of a replay: what a campaign would have decided on one transition."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from mail.planning.history import TaskHistory
from mail.planning.plan import SCHEDULED
from mail.replay.as_if import AsIf
from rules.decide import Choice, Schedule
from rules.history import Transition
from rules.replay import Released, RoundReplayed, replay


class Line(Struct, frozen=True, kw_only=True):
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


class Scheduled(Struct, frozen=True):
    """A line whose address decides. `released`: None where the survey still waits."""

    line: Line
    step: Transition
    schedule: Schedule
    released: Released | None


def replayed(
    as_if: AsIf, histories: Sequence[tuple[TaskHistory, Sequence[datetime]]]
) -> list[Line | Scheduled]:
    """Return what is decided on the transitions of these tasks, whose moments are in the period.

    `histories`: with when later rounds were opened. It takes a tenth of a millisecond a task.
    """
    return [
        line
        for history, opened in histories
        for line in _of_task(as_if, history, opened)
        if (line.line if isinstance(line, Scheduled) else line).moment >= as_if.since
    ]


def _of_task(
    as_if: AsIf, history: TaskHistory, opened: Sequence[datetime]
) -> Iterator[Line | Scheduled]:
    """Yield the lines of one task; a transition has one, that of its last round."""
    rounds = replay(
        history.task,
        history.transitions,
        opened,
        as_if.rules,
        as_if.kinds,
        history.calendar,
        until=as_if.until,
    )
    lines: dict[UUID, Line | Scheduled | None] = {}
    for replayed_round in rounds:
        lines |= {
            step.id: _line(history.task, replayed_round, step) for step in replayed_round.steps
        }
    yield from (line for line in lines.values() if line is not None)


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
