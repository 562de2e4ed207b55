"""What happened to mails, for the task's timeline; never updated."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail.positions import ADVANCE
from sync.database import Tx
from sync.ids import new_id

_NOTE: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, detail)
SELECT $1, one.id, one.invitation, one.kind, $2, one.attempt, one.detail
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::integer[], $7::text[])
  AS one (id, invitation, kind, attempt, detail)
"""


class Event(Struct, frozen=True):
    """Something happened to a mail: `kind` says what, `detail` what the server said."""

    invitation: UUID
    kind: str
    attempt: int
    detail: str | None = None


async def note(tx: Tx, events: Sequence[Event]) -> None:
    """Write `events` as of now; who follows the account hears of it."""
    if events:
        rows = [(new_id(), one.invitation, one.kind, one.attempt, one.detail) for one in events]
        await tx.execute(_NOTE, tx.account, tx.now, *zip(*rows, strict=True))
        tx.last.add(ADVANCE)
