"""A customer who is asked about no visit: the rows that a relational campaign will write."""

from datetime import date
from typing import Any, Final
from uuid import UUID

from mail.tables import Invitation
from sync.database import Tx, tx
from sync.ids import new_id
from sync.tokens import digest, mint, write
from tests.support.state_guard import staged
from tests.support.world import World

PERIOD: Final = date(2026, 10, 1)

_QUEUE: Final = """
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent)
SELECT account, id, release, release, 'waiting', 'first', 0, false FROM invitation WHERE id = $1
"""
_LINK: Final = """
INSERT INTO link (account, token_hash, invitation) VALUES ($1, $2, $3)
"""


async def invite(tx: Tx, **columns: Any) -> UUID:
    """A row of `Invitation`: scheduled, due now, about no visit unless `columns` say otherwise."""
    row = {
        "account": tx.account,
        "id": new_id(),
        "version": 1,
        "kind": "relational",
        "period": PERIOD,
        "manual": False,
        "status": "scheduled",
        "due": tx.now,
        "release": tx.now,
        "address_by_technician": False,
        "created_at": tx.now,
        **columns,
    }
    await staged(tx)
    await Invitation.insert(Invitation(**row))
    return UUID(str(row["id"]))


async def waiting(world: World, campaign: UUID, customer: UUID) -> UUID:
    """An invitation of `customer` that is due in the queue."""
    async with tx(world.account) as opened:
        made = await invite(opened, campaign=campaign, customer=customer)
        await opened.execute(_QUEUE, made)
    return made


async def asked(tx: Tx, campaign: UUID, customer: UUID, address: str) -> tuple[UUID, str]:
    """An invitation of `customer` that was sent just now, and the token of its survey."""
    made = await invite(
        tx,
        campaign=campaign,
        customer=customer,
        status="sent",
        address=address,
        typed_address=address,
        address_field="customer",
        language="fr_CA",
        sent_at=tx.now,
    )
    secret = mint()
    await tx.execute(_LINK, tx.account, digest(digest(secret)), made)
    return made, write(tx.account, secret)
