"""Refused transitions: dispatchers accept them, or dismiss them, which keeps them as they are."""

from functools import partial
from typing import Final
from uuid import UUID

from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import ConflictError, DismissedError, MissingError
from sync.feed.listened_positions import bump_position
from sync.feed.publish import touch
from sync.intake.parking import publish_verdicts, stored_arrival
from sync.intake.recording import store, update_open
from sync.intake.verdicts import ACCEPTED, known_states, lock_tasks

TASK: Final = """
SELECT coalesce(task, pushed_task) FROM transition WHERE account = $1 AND id = $2
"""
REFUSED: Final = """
SELECT id, spelling, pushed_task, device, technician, digest, body, refusal,
  dismissed_at
FROM transition
WHERE account = $1 AND id = $2 AND verdict = 'refused' FOR NO KEY UPDATE
"""
DISMISS: Final = """
UPDATE transition SET dismissed_at = $3, dismissed_by = $4, dismissed_reason = $5
WHERE account = $1 AND id = $2 AND verdict = 'refused' AND dismissed_at IS NULL
"""
EXISTS: Final = "SELECT true FROM transition WHERE account = $1 AND id = $2"


async def accept(tx: Tx, transition: UUID, by: UUID | None, *, even_dismissed: bool = True) -> None:
    """Accept a refused transition, with its own moment and the present time as its reception.

    The verdict goes to the feed of its technician. `by`: the user who accepts it, None for a
    program. `even_dismissed`: false for a user whose page did not show that it was dismissed. The
    caller rings planning after the commit.

    :raises MissingError: the account has no such transition.
    :raises DismissedError: it was dismissed, and not `even_dismissed`.
    :raises ConflictError: it is not refused (any more), or its task or state does not exist.
    """
    task = await tx.fetchval(TASK, tx.account, transition)
    if task is None:
        raise MissingError("no such transition")
    locked = await lock_tasks(tx, [task])
    row = await tx.fetchrow(REFUSED, tx.account, transition)
    if row is None:
        raise ConflictError("it is not refused")
    if row["dismissed_at"] is not None and not even_dismissed:
        raise DismissedError("somebody dismissed it meanwhile")
    arrival = stored_arrival(tx, row)
    if not locked or not await known_states(tx, [arrival.body.state]):
        raise ConflictError("its task or its state does not exist")
    things = await store(tx, [(arrival, ACCEPTED)], locked, partial(update_open, by=by))
    before = {"verdict": "refused", "reason": row["refusal"]}
    after = {"verdict": ACCEPTED.verdict, "reason": None}
    await record(tx, "refused.accept", [AuditChange(f"transition/{transition}", before, after)])
    await publish_verdicts(tx, [arrival])
    await touch(tx, things)


async def dismiss(tx: Tx, transition: UUID, by: UUID | None, reason: str) -> None:
    """Dismiss a refused transition for `reason`; it can still be accepted.

    `by`: the user who dismisses it, None for a program.

    :raises MissingError: the account has no such transition.
    :raises ConflictError: it is not refused (any more), or was dismissed before.
    """
    if not await tx.execute(DISMISS, tx.account, transition, tx.now, by, reason):
        if await tx.fetchval(EXISTS, tx.account, transition) is None:
            raise MissingError("no such transition")
        raise ConflictError("it is not refused, or was dismissed")
    after = {"dismissed_at": tx.now, "reason": reason}
    await record(tx, "refused.dismiss", [AuditChange(f"transition/{transition}", None, after)])
    await bump_position(tx)  # wakes the pages that list or count what is refused
