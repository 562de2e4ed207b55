"""Leaving an account's surveys by the link of a mail, and coming back by the same link."""

from typing import Final, Literal
from uuid import UUID

from mail import contacts
from mail.contacts import Contact
from mail.positions import ADVANCE
from mail.recall import lock_claims, recall_contact
from mail.responses.answers import CUSTOMER
from mail.responses.links import Subscription, open_subscription, referred, subscription
from sync.audit import AuditChange, record
from sync.database import Tx, run
from sync.ids import new_id

__all__ = ["Subscription", "open_subscription", "resubscribe", "unsubscribe"]

_INVITATION: Final = """
SELECT i.id, i.address
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
WHERE l.account = $1 AND l.token_hash = $2
"""

_ADD_EVENT: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt)
VALUES ($1, $3, $2, $5, $4, 0)
"""


async def unsubscribe(token: str) -> Subscription | None:
    """Suppress the address of a link for all campaigns; None if the link is unknown.

    This holds for an erased address, too; repeating it changes nothing. Waiting mails to it are
    dropped at their release, claimed ones are recalled unless their content is being sent.
    """
    ref = referred(token)

    async def work(tx: Tx) -> Subscription | None:
        row = await tx.fetchrow(_INVITATION, ref.account, ref.hash)
        if row is None:
            return None
        invitation, address = row["id"], row["address"]
        contact = await contacts.contact_of(tx, invitation, address)
        if contact is not None and contact.suppressed == "unsubscribed":
            return await subscription(tx, ref)  # a repetition needs no locks
        # With claims locked no mail is claimed between the recall and the suppression.
        await lock_claims(tx)
        contact = await contacts.contact_of(tx, invitation, address)
        if contact is not None:
            await recall_contact(tx, contact.id)
        elif address is not None:
            contact = (await contacts.create(tx, [address]))[address]
        if contact is not None and await contacts.unsubscribe(tx, contact.id):
            await _record(tx, invitation, contact, "unsubscribed")
        return await subscription(tx, ref)

    return await run(ref.account, work, CUSTOMER)


async def resubscribe(token: str) -> Subscription | None:
    """Lift what `unsubscribe` did, by the same link; None if the link is unknown.

    Another reason not to write to the address, such as a bounce, stays. Mails that were dropped
    meanwhile stay dropped.
    """
    ref = referred(token)

    async def work(tx: Tx) -> Subscription | None:
        row = await tx.fetchrow(_INVITATION, ref.account, ref.hash)
        if row is None:
            return None
        contact = await contacts.contact_of(tx, row["id"], row["address"])
        if contact is not None and await contacts.resubscribe(tx, contact.id):
            await _record(tx, row["id"], contact, "resubscribed")
        return await subscription(tx, ref)

    return await run(ref.account, work, CUSTOMER)


async def _record(
    tx: Tx, invitation: UUID, contact: Contact, kind: Literal["unsubscribed", "resubscribed"]
) -> None:
    """Record in the timeline and in the audit what the customer did."""
    await tx.execute(_ADD_EVENT, tx.account, invitation, new_id(), tx.now, kind)
    action = {"unsubscribed": "subscription.end", "resubscribed": "subscription.start"}[kind]
    await record(tx, action, [AuditChange(f"contact/{contact.id}")])
    tx.last.add(ADVANCE)
