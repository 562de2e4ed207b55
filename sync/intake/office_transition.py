"""Transitions that dispatchers or programs enter, to progress or correct a task."""

from datetime import UTC
from typing import Final
from uuid import UUID

from msgspec import Struct, field

from sync.audit import AuditChange, record
from sync.database import SYSTEM, Tx, retried, tx
from sync.errors import ConflictError, MissingError, UnknownReferenceError
from sync.feed.publish import touch
from sync.intake.incoming import Arrival, Body, digest_of
from sync.intake.recording import store
from sync.intake.verdicts import ACCEPTED, known_states, lock_tasks, read_verdicts
from sync.messages import Moment, Note, Result, SentId, StateCode, SurveyReason, check_item
from sync.validation import check_moment

#: The technician who had the task at a moment; of several assignments the one that began last.
ASSIGNED: Final = """
SELECT technician FROM assignment
WHERE account = $1 AND task = $2 AND technician IS NOT NULL
  AND start_at <= $3 AND (end_at IS NULL OR end_at >= $3)
ORDER BY start_at DESC, id DESC LIMIT 1
"""


class Progress(Struct, frozen=True, forbid_unknown_fields=True):
    """Move the task to `state`.

    `id`: made by the caller, so that a repeated request has no further effect. `moment`: with an
    offset; at most the present time, which is also the default. `survey`: false for no survey;
    `survey_reason`: why.
    """

    sent_id: SentId = field(name="id")
    state: StateCode
    moment: Moment | None = None
    note: Note | None = None
    survey: bool = True
    survey_reason: SurveyReason | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: a value cannot be stored."""
        if self.moment is not None:
            check_moment(self.moment)
        check_item(self.state, self.note, self.survey, self.survey_reason)

    @property
    def id(self) -> UUID:
        """The id as it is stored and compared."""
        return UUID(self.sent_id)


@retried
async def progress(
    account: int, task: UUID, by: UUID | None, order: Progress, actor: str = SYSTEM
) -> Result:
    """Store `order` as an accepted transition of `task` and return its verdict.

    It is retried after a deadlock. It counts as the work of the technician who had the task at the
    moment, else as that of `by`. `by`: the user who enters it, None for a program. `actor`: as in
    `tx`. The caller rings planning afterwards.

    :raises MissingError: the account has no such task.
    :raises UnknownReferenceError: the account has no such state.
    :raises ConflictError: a program moves a task that nobody had at the moment.
    """
    digest = digest_of(
        (task, order.state, order.moment, order.note, order.survey, order.survey_reason)
    )
    async with tx(account, actor) as opened:
        tasks = await lock_tasks(opened, [task])
        if not tasks:
            raise MissingError("no such task")
        stored = (await read_verdicts(opened, [order.id])).get(order.id)
        if stored is not None:
            if stored.device is not None or stored.digest != digest:
                return Result(order.sent_id, "refused", "id_reused")
            return Result(order.sent_id, stored.verdict, stored.reason)
        if not await known_states(opened, [order.state]):
            raise UnknownReferenceError("state", "names no state of this account")
        arrival = await _arrival(opened, task, by, order, digest)
        things = await store(opened, [(arrival, ACCEPTED)], tasks)
        values = {"transition": order.id, "state": order.state, "moment": arrival.body.moment}
        await record(opened, "task.progress", [AuditChange(f"task/{task}", None, values)])
        await touch(opened, things)
        return Result(order.sent_id, "accepted")


async def _arrival(
    opened: Tx, task: UUID, by: UUID | None, order: Progress, digest: bytes
) -> Arrival:
    given = opened.now if order.moment is None else order.moment.astimezone(UTC)
    moment = min(given, opened.now)
    technician: UUID | None = await opened.fetchval(ASSIGNED, opened.account, task, moment) or by
    if technician is None:
        raise ConflictError("nobody had this task at that moment: assign it first")
    body = Body(
        state=order.state,
        moment=moment,
        device_moment=given,
        sequence=0,
        note=order.note,
        survey=order.survey,
        email=None,
        survey_reason=order.survey_reason,
    )
    return Arrival(
        id=order.id,
        sent_id=order.sent_id,
        task=task,
        body=body,
        device=None,
        technician=technician,
        received=opened.now,
        digest=digest,
        by=by,
    )
