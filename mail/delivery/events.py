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
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, detail)
SELECT $1, event.id, event.invitation, event.kind, $2, event.attempt, event.detail
FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::integer[], $7::text[])
  AS event (id, invitation, kind, attempt, detail)
"""


#: A status that a mail came to, or what else happened. `server/web/words.py` has words for each.
EventKind: TypeAlias = (
    Status
    | Literal[
        "deferred", "resent", "held", "held_restored", "let_go", "called_off", "bounced", "full",
        "dropped", "unsubscribed", "left_campaign",
        "quarterly", "resubscribed",
    ]
)  # fmt: skip


class Event(Struct, frozen=True):
    """What happened to a mail; `detail`: a reason code, or the text of a reply or error."""

    invitation: UUID
    kind: EventKind
    attempt: int
    detail: str | None = None


async def add_events(tx: Tx, events: Sequence[Event]) -> None:
    """Write `events` at the time of the transaction; pages that follow the account reload."""
    if events:
        rows = [
            (new_id(), event.invitation, event.kind, event.attempt, event.detail)
            for event in events
        ]
        await tx.execute(_ADD, tx.account, tx.now, *zip(*rows, strict=True))
        tx.last.add(ADVANCE)
