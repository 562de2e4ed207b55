"""Mails that wait because what a sender sends is refused, as the list of campaigns shows them."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from mail.delivery.breakers import EVERY
from sync.database import Tx

_STOPPED: Final = """
SELECT b.sender, b.recipient, b.opened_at, b.reason, (
  SELECT count(*) FROM outbox o
  WHERE o.account = b.account AND o.sender_domain = b.sender AND o.phase = 'waiting'
    AND (b.recipient = '*' OR o.recipient_domain = b.recipient)) AS surveys
FROM sender_breaker b
WHERE b.account = $1 AND b.opened_at IS NOT NULL
ORDER BY b.opened_at, b.sender, b.recipient
"""


class Stopped(Struct, frozen=True):
    """Mails from `sender` to `recipient`, two domains; to None: whoever they are for.

    `since`: UTC. `surveys`: how many wait. `reason`: what the mail server said last.
    """

    sender: str
    recipient: str | None
    since: datetime
    surveys: int
    reason: str


async def read_stopped(tx: Tx) -> list[Stopped]:
    """What waits of the account, the longest first."""
    return [
        Stopped(
            sender=row["sender"],
            recipient=None if row["recipient"] == EVERY else row["recipient"],
            since=row["opened_at"],
            surveys=row["surveys"],
            reason=row["reason"],
        )
        for row in await tx.fetch(_STOPPED, tx.account)
    ]
