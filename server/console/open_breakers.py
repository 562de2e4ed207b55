"""The open breakers of the account: senders whose mails are refused, and what waits for them."""

from datetime import datetime
from typing import Final

from msgspec import Struct

from mail.delivery.breakers import EVERY
from sync.database import Tx

_OPEN: Final = """
SELECT b.sender, b.recipient, b.opened_at, b.reason, (
  SELECT count(*) FROM outbox o
  WHERE o.account = b.account AND o.sender_domain = b.sender AND o.phase = 'waiting'
    AND (b.recipient = '*' OR o.recipient_domain = b.recipient)) AS surveys
FROM sender_breaker b
WHERE b.account = $1 AND b.opened_at IS NOT NULL
ORDER BY b.opened_at, b.sender, b.recipient
"""


class OpenBreaker(Struct, frozen=True):
    """A breaker for mails from the domain `sender` to the domain `recipient`, None for any.

    `since`: UTC. `surveys`: how many wait. `reason`: the mail server's last reply.
    """

    sender: str
    recipient: str | None
    since: datetime
    surveys: int
    reason: str


async def read_open_breakers(tx: Tx) -> list[OpenBreaker]:
    """The account's open breakers, the longest open first."""
    return [
        OpenBreaker(
            sender=row["sender"],
            recipient=None if row["recipient"] == EVERY else row["recipient"],
            since=row["opened_at"],
            surveys=row["surveys"],
            reason=row["reason"],
        )
        for row in await tx.fetch(_OPEN, tx.account)
    ]
