"""Events of mails, for the timeline of a task; never updated."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from mail.positions import ADVANCE
from mail.states import Status
from sync.database import Tx
from sync.ids import new_id

_ADD: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, detail, by, address)
SELECT $1, event.id, event.invitation, event.kind, $2, event.attempt, event.detail, event.by,
  event.address
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::integer[], $7::text[], $8::uuid[], $9::text[])
  AS event (id, invitation, kind, attempt, detail, by, address)
"""


#: A status that a mail came to, or what else happened. `server/web/words.py` has words for each.
EventKind: TypeAlias = (
    Status
    | Literal[
        "deferred", "resent", "held", "held_restored", "let_go", "called_off", "bounced", "full",
        "dropped", "cancelled", "resend_requested", "reminded", "reminder_dropped", "unsubscribed",
        "left_campaign", "quarterly", "resubscribed",
    ]
)  # fmt: skip


class Event(Struct, frozen=True):
    """What happened to a mail; `detail`: a reason, or the text of a reply or error.

    `by`: the user who asked for it. `address`: where the mail goes, as typed; None for that of the
    invitation. `id`: of the event; None for a new one.
    """

    invitation: UUID
    kind: EventKind
    attempt: int
    detail: str | None = None
    by: UUID | None = None
    address: str | None = None
    id: UUID | None = None


async def add_events(tx: Tx, events: Sequence[Event]) -> None:
    """Write `events` at the time of the transaction; pages that follow the account reload."""
    if events:
        rows = [
            (
                event.id or new_id(),
                event.invitation,
                event.kind,
                event.attempt,
                event.detail,
                event.by,
                event.address,
            )
            for event in events
        ]
        await tx.execute(_ADD, tx.account, tx.now, *zip(*rows, strict=True))
        tx.last.add(ADVANCE)
