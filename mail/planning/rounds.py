"""Rounds of a task: a return visit may be asked about again once somebody has opened a new one."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from mail.campaigns.cache import load
from mail.planning.history import FIRST_ROUND
from mail.planning.plan import plan
from mail.positions import ADVANCE
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import ConflictError, MissingError
from sync.records.tasks import begin_round

_LOCK: Final = "SELECT FROM task WHERE account = $1 AND id = $2 FOR NO KEY UPDATE"

_READ: Final = """
SELECT round, opened_at, opened_by, reason
FROM task_round WHERE account = $1 AND task = $2 ORDER BY round
"""

#: Opened after the lock was taken, and after the round before, whatever the clock says.
_OPEN: Final = """
INSERT INTO task_round (account, task, round, opened_at, opened_by, reason)
VALUES ($1, $2, $3, greatest(retour_now(), $4::timestamptz + interval '1 microsecond'), $5, $6)
RETURNING round, opened_at, opened_by, reason
"""


class Round(Struct, frozen=True):
    """A round that was opened. `opened_at`: UTC. `opened_by`: a user, None for a program."""

    round: int
    opened_at: datetime
    opened_by: UUID | None
    reason: str


class RoundOrderError(ConflictError):
    """The round is not the next one of its task (409)."""

    code = "not_next_round"


async def read_rounds(tx: Tx, task: UUID) -> list[Round]:
    """Return the rounds of `task` that were opened, in order; the first is not among them."""
    return [Round(**row) for row in await tx.fetch(_READ, tx.account, task)]


async def lock_task(tx: Tx, task: UUID) -> None:
    """Lock the account's campaigns, so that `plan` may follow, and then a task.

    :raises MissingError: the account has no such task.
    """
    await load(tx, lock=True)
    if await tx.fetchrow(_LOCK, tx.account, task) is None:
        raise MissingError(task)


async def open_round(tx: Tx, task: UUID, number: int, by: UUID | None, reason: str) -> Round:
    """Open round `number` of a task, and plan the task by it; one that is open stays as it is.

    What waits to be sent for the round before is not sent. What was ever claimed stays. Devices are
    told, so that they promise a survey again.

    :raises MissingError: the account has no such task.
    :raises RoundOrderError: `number` is not that of its next round.
    """
    await lock_task(tx, task)
    known = await read_rounds(tx, task)
    last = known[-1].round if known else FIRST_ROUND
    if FIRST_ROUND < number <= last:
        return known[number - FIRST_ROUND - 1]
    if number != last + 1:
        raise RoundOrderError(f"the next round is {last + 1}")
    before = known[-1].opened_at if known else None
    row = await tx.fetchrow(_OPEN, tx.account, task, number, before, by, reason)
    assert row is not None  # noqa: S101 - a row that was inserted
    opened = Round(**row)
    after = {"round": number, "opened_at": opened.opened_at, "reason": reason}
    await record(tx, "round.open", [AuditChange(f"task/{task}", None, after)])
    # What is decided now follows from the opening, and is told after it.
    await plan(structs.replace(tx, now=opened.opened_at), [task])
    await begin_round(tx, task, opened.opened_at)
    tx.last.add(ADVANCE)
    return opened
