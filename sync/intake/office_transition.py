"""A dispatcher progresses or corrects a task: a transition like any other."""

from datetime import UTC, datetime
from functools import partial
from typing import Final
from uuid import UUID

from msgspec import Struct, field

from sync.audit import AuditChange, record
from sync.database import SYSTEM, Tx, run
from sync.errors import ConflictError, MissingError, UnknownReferenceError
from sync.feed.publish import touch
from sync.intake.authorization import ACCEPTED, known_states, lock_tasks
from sync.intake.incoming import Arrival, Body, digest_of
from sync.intake.recording import keep
from sync.intake.verdicts import Stored, read_verdicts
from sync.messages import Moment, Note, Result, SentId, StateCode, SurveyReason, check_item
from sync.validation import check_moment

#: Whose turn it was at a moment; of several the one that began last.
HOLDER: Final = """
SELECT technician FROM assignment
WHERE account = $1 AND task = $2 AND technician IS NOT NULL
  AND start_at <= $3 AND (end_at IS NULL OR end_at >= $3)
ORDER BY start_at DESC, id DESC LIMIT 1
"""


class Progress(Struct, frozen=True, forbid_unknown_fields=True):
    """The task enters `state`. `sent_id`: made by the caller, so that sending twice is once.

    `moment`: aware; now where left out, and never later than now. `survey`: false asks nobody,
    `survey_reason` says why.
    """

    sent_id: SentId = field(name="id")
    state: StateCode
    moment: Moment | None = None
    note: Note | None = None
    survey: bool = True
    survey_reason: SurveyReason | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: for what no column can hold."""
        if self.moment is not None:
            check_moment(self.moment)
        check_item(self.state, self.note, self.survey, self.survey_reason)

    @property
    def id(self) -> UUID:
        """The id in the one form in which it is stored and compared."""
        return UUID(self.sent_id)


async def progress(
    account: int, task: UUID, by: UUID | None, order: Progress, actor: str = SYSTEM
) -> Result:
    """Keep `order` of `task` as a fact, retried after a deadlock; its verdict.

    `by`: who says so, None for a program; `actor`: who in the record, as in `tx`. It counts as the
    work of whoever had the task at the moment, else as that of `by`. Planning is worth a ring
    afterwards.

    :raises MissingError: the account has no such task.
    :raises UnknownReferenceError: the account has no such state.
    :raises ConflictError: a program moves a task that nobody had at the moment.
    """
    return await run(account, partial(_progress, task=task, by=by, order=order), actor)


async def _progress(tx: Tx, task: UUID, by: UUID | None, order: Progress) -> Result:
    tasks = await lock_tasks(tx, [task])
    if not tasks:
        raise MissingError("no such task")
    digest = _digest(task, order)
    told = (await read_verdicts(tx, [order.id])).get(order.id)
    if told is not None:
        return _again(order, digest, told)
    if not await known_states(tx, [order.state]):
        raise UnknownReferenceError("state", "names no state of this account")
    arrival = await _arrival(tx, task, by, order, digest)
    things = await keep(tx, [(arrival, ACCEPTED)], tasks)
    made = {"transition": order.id, "state": order.state, "moment": arrival.body.moment}
    await record(tx, "task.progress", [AuditChange(f"task/{task}", None, made)])
    await touch(tx, things)
    return Result(order.sent_id, "accepted")


def _again(order: Progress, digest: bytes, told: Stored) -> Result:
    """The verdict that the same order had, whoever has its task by now."""
    if told.device is not None or told.digest != digest:
        return Result(order.sent_id, "refused", "id_reused")
    return Result(order.sent_id, told.verdict, told.reason)


def _digest(task: UUID, order: Progress) -> bytes:
    return digest_of(
        (task, order.state, order.moment, order.note, order.survey, order.survey_reason)
    )


async def _arrival(tx: Tx, task: UUID, by: UUID | None, order: Progress, digest: bytes) -> Arrival:
    told = tx.now if order.moment is None else order.moment.astimezone(UTC)
    moment = min(told, tx.now)
    return Arrival(
        id=order.id,
        sent_id=order.sent_id,
        task=task,
        body=_body(order, moment, told),
        device=None,
        technician=await _technician(tx, task, by, moment),
        received=tx.now,
        digest=digest,
        by=by,
    )


def _body(order: Progress, moment: datetime, told: datetime) -> Body:
    return Body(
        state=order.state,
        moment=moment,
        device_moment=told,
        sequence=0,
        note=order.note,
        survey=order.survey,
        email=None,
        survey_reason=order.survey_reason,
    )


async def _technician(tx: Tx, task: UUID, by: UUID | None, moment: datetime) -> UUID:
    holder: UUID | None = await tx.fetchval(HOLDER, tx.account, task, moment) or by
    if holder is None:
        raise ConflictError("nobody had this task at that moment: assign it first")
    return holder
