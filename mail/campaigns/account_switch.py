"""The account's switch: while it is off no campaign asks or sends, as if all were paused."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail.campaigns.device_asks import publish_asks
from mail.campaigns.revision import increment_revision
from mail.positions import ADVANCE
from mail.recall import recall_all
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.ids import locator

_READ: Final = """
SELECT p.start_at AS since, p.paused_by AS by, u.name AS by_name, p.reason
FROM sending_pause p
LEFT JOIN app_user u ON (u.account, u.id) = (p.account, p.paused_by)
WHERE p.account = $1 AND p.end_at IS NULL
"""

#: The time after the lock was taken, as for campaigns.
_PAUSE: Final = """
INSERT INTO sending_pause (account, start_at, paused_by, reason)
VALUES ($1, retour_now(), $2, $3)
"""

_RESUME: Final = """
UPDATE sending_pause SET end_at = greatest(retour_now(), start_at)
WHERE account = $1 AND end_at IS NULL
"""


class Stopped(Struct, frozen=True):
    """That the account's sending is paused. `since`: UTC.

    `by`, `by_name`: the user who paused it, None for a program.
    """

    since: datetime
    by: UUID | None
    by_name: str | None
    reason: str


async def read_stop(tx: Tx) -> Stopped | None:
    """Return why the account's sending is paused; None where it is not."""
    row = await tx.fetchrow(_READ, tx.account)
    return None if row is None else Stopped(**row)


async def pause_sending(tx: Tx, by: UUID | None, reason: str) -> None:
    """Stop all sending of the account until it is resumed. No change if it is stopped.

    Mails that were claimed are taken back unless their content has begun.
    """
    await increment_revision(tx)
    if await read_stop(tx) is not None:
        return
    await tx.execute(_PAUSE, tx.account, by, reason)
    await _audit(tx, "pause", {"paused": False}, {"paused": True, "reason": reason})
    await recall_all(tx)
    await _publish(tx)


async def resume_sending(tx: Tx) -> None:
    """Send again what active campaigns have due. No change if nothing is stopped."""
    await increment_revision(tx)
    if await tx.execute(_RESUME, tx.account):
        await _audit(tx, "resume", {"paused": True}, {"paused": False})
        await _publish(tx)


async def _audit(tx: Tx, verb: str, before: dict[str, object], after: dict[str, object]) -> None:
    change = AuditChange(f"account/{locator(tx.account)}", before, after)
    await record(tx, f"sending.{verb}", [change])


async def _publish(tx: Tx) -> None:
    """Tell devices, and pages that follow the account."""
    tx.last.add(ADVANCE)
    await publish_asks(tx)
