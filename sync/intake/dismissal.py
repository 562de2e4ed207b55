"""Dismissal of a refused transition by a dispatcher: it is kept, and needs no acceptance."""

from typing import Final
from uuid import UUID

from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import ConflictError, MissingError
from sync.feed.listened_positions import bump_position

DISMISS: Final = """
UPDATE transition SET dismissed_at = $3, dismissed_by = $4, dismissed_reason = $5
WHERE account = $1 AND id = $2 AND verdict = 'refused' AND dismissed_at IS NULL
"""
EXISTS: Final = "SELECT true FROM transition WHERE account = $1 AND id = $2"


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
