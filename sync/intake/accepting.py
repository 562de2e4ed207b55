"""A dispatcher accepts what was refused."""

from typing import Final
from uuid import UUID

from sync.database import Tx
from sync.errors import ConflictError, MissingError
from sync.feed.publish import touch
from sync.intake.facts import keep
from sync.intake.judging import ACCEPTED, known_states, lock_tasks
from sync.intake.parking import settle, stored_arrival

TASK: Final = "SELECT task FROM verdict WHERE account = $1 AND id = $2"
REFUSED: Final = """
SELECT id, task, device, technician, digest, body FROM verdict
WHERE account = $1 AND id = $2 AND verdict = 'refused' FOR UPDATE
"""


async def accept(tx: Tx, transition: UUID, by: UUID | None) -> None:
    """Make a refused transition a fact. It keeps its moment; now is its reception.

    `by`: who accepts it, None for a program. Its technician's devices hear of it. Planning is
    worth a ring after the commit.

    :raises MissingError: the account has never been sent such a transition.
    :raises ConflictError: it is not refused (any more), or its task or state does not exist.
    """
    task = await tx.fetchval(TASK, tx.account, transition)
    if task is None:
        raise MissingError("no such transition")
    locked = await lock_tasks(tx, [task])
    row = await tx.fetchrow(REFUSED, tx.account, transition)
    if row is None:
        raise ConflictError("it is not refused")
    arrival = stored_arrival(tx, row)
    if not locked or not await known_states(tx, [arrival.body.state]):
        raise ConflictError("its task or its state does not exist")
    things = await keep(tx, [arrival], locked)
    await settle(tx, [arrival], [ACCEPTED], by)
    await touch(tx, things)
