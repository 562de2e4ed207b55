"""Leaving an account's surveys by the link of a mail, and coming back by the same link."""

from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.contacts import EMPTY, Contact
from mail.positions import ADVANCE
from mail.recall import lock_claims, recall_contact
from mail.responses.answers import CUSTOMER, referred
from sync.audit import AuditChange, record
from sync.database import Tx, run, tx
from sync.ids import new_id
from sync.tokens import TokenRef

_SUBSCRIPTION: Final = """
SELECT a.name AS company, i.id, i.address, l.contact,
  coalesce(c.address, i.typed_address) AS typed_address,
  coalesce(i.language, a.language) AS language
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
LEFT JOIN contact c ON (c.account, c.id) = (l.account, l.contact)
WHERE l.account = $1 AND l.token_hash = $2
"""

_INVITATION: Final = """
SELECT i.id, i.address, l.contact
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
WHERE l.account = $1 AND l.token_hash = $2
"""

_ADD_EVENT: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt)
VALUES ($1, $3, $2, $5, $4, 0)
"""


class Subscription(Struct, frozen=True):
    """An address that a company sends mails to.

    `ended`: it has unsubscribed. `unreachable`: mails to it came back, so that none is sent.
    """

    company: str
    address: str
    language: str
    ended: bool
    unreachable: bool


async def open_subscription(token: str) -> Subscription | None:
    """Return the subscription of an unsubscribe link, if it is known. These links do not expire."""
    ref = referred(token)
    async with tx(ref.account) as opened:
        return await _subscription(opened, ref)


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
        invitation, address, linked = row["id"], row["address"], row["contact"]
        contact = await contacts.contact_of(tx, invitation, address, linked)
        if contact is not None and contact.suppressed == "unsubscribed":
            return await _subscription(tx, ref)  # a repetition needs no locks
        # With claims locked no mail is claimed between the recall and the suppression.
        await lock_claims(tx)
        contact = await contacts.contact_of(tx, invitation, address, linked)
        if contact is not None:
            await recall_contact(tx, contact.id)
        elif address is not None:
            contact = (await contacts.create(tx, [address]))[address]
        if contact is not None and await contacts.unsubscribe(tx, contact.id):
            await _record(tx, invitation, contact, "unsubscribed")
        return await _subscription(tx, ref)

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
        contact = await contacts.contact_of(tx, row["id"], row["address"], row["contact"])
        if contact is not None and await contacts.resubscribe(tx, contact.id):
            await _record(tx, row["id"], contact, "resubscribed")
        return await _subscription(tx, ref)

    return await run(ref.account, work, CUSTOMER)


async def _subscription(tx: Tx, ref: TokenRef) -> Subscription | None:
    """As `open_subscription`, in a transaction of the token's account."""
    row = await tx.fetchrow(_SUBSCRIPTION, ref.account, ref.hash)
    if row is None:
        return None
    contact = await contacts.contact_of(tx, row["id"], row["address"], row["contact"])
    suppressed = None if contact is None else contact.suppressed
    return Subscription(
        company=row["company"],
        address=row["typed_address"] or "",
        language=row["language"],
        ended=suppressed == "unsubscribed",
        unreachable=suppressed in EMPTY,
    )


async def _record(
    tx: Tx, invitation: UUID, contact: Contact, kind: Literal["unsubscribed", "resubscribed"]
) -> None:
    """Record in the timeline and in the audit what the customer did."""
    await tx.execute(_ADD_EVENT, tx.account, invitation, new_id(), tx.now, kind)
    action = {"unsubscribed": "subscription.end", "resubscribed": "subscription.start"}[kind]
    await record(tx, action, [AuditChange(f"contact/{contact.id}")])
    tx.last.add(ADVANCE)
