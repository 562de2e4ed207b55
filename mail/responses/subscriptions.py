"""Leaving an account's surveys by the link of a mail, in part or whole, and coming back by it."""

from typing import Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail import contacts
from mail.campaigns.sender import SenderIdentity, read_sender
from mail.consent import standing
from mail.contacts import EMPTY, Contact
from mail.positions import ADVANCE
from mail.recall import lock_claims, recall_contacts, spare_contact
from mail.responses.answers import CUSTOMER
from sync.audit import AuditChange, record
from sync.database import Tx, run, tx
from sync.ids import new_id
from sync.tokens import TokenRef, referred

#: What somebody leaves: all surveys of the account, those of the mail's campaign, or all but one a
#: quarter.
Leaving: TypeAlias = Literal["all", "campaign", "quarter"]

_SUBSCRIPTION: Final = """
SELECT a.name AS company, i.id, i.campaign, i.address, l.contact,
  coalesce(c.address, i.typed_address) AS typed_address,
  coalesce(i.language, a.language) AS language
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
LEFT JOIN contact c ON (c.account, c.id) = (l.account, l.contact)
WHERE l.account = $1 AND l.token_hash = $2
"""

_INVITATION: Final = """
SELECT i.id, i.campaign, i.address, l.contact
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
WHERE l.account = $1 AND l.token_hash = $2
"""

_ADD_EVENT: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt)
VALUES ($1, $3, $2, $5, $4, 0)
"""

#: The event of each choice, which pages have words for.
_EVENTS: Final[dict[Leaving, str]] = {
    "all": "unsubscribed",
    "campaign": "left_campaign",
    "quarter": "quarterly",
}


class Subscription(Struct, frozen=True):
    """An address that a company sends mails to; empty once it is erased.

    `ended`: it has unsubscribed or complained. `unreachable`: mails to it came back, so that none
    is sent. `left`: it has left the campaign of the link; `quarterly`: it gets one survey a
    quarter. `identity`: who sends, by law.
    """

    company: str
    address: str
    language: str
    ended: bool
    unreachable: bool
    left: bool
    quarterly: bool
    identity: SenderIdentity


async def open_subscription(token: str) -> Subscription | None:
    """Return the subscription of an unsubscribe link, if it is known. These links do not expire."""
    ref = referred(token)
    async with tx(ref.account) as opened:
        return await _subscription(opened, ref)


async def unsubscribe(token: str, leaving: Leaving = "all") -> Subscription | None:
    """Suppress the address of a link for all campaigns, or keep a lesser choice; None if unknown.

    This holds for an erased address, too; repeating it changes nothing. Waiting mails to it are
    dropped at their release, claimed ones are recalled unless their content is being sent, and
    reminders end at once. One survey a quarter may be reminded of.
    """
    ref = referred(token)

    async def work(tx: Tx) -> Subscription | None:
        row = await tx.fetchrow(_INVITATION, ref.account, ref.hash)
        if row is None:
            return None
        contact = await contacts.contact_of(tx, row["id"], row["address"], row["contact"])
        if contact is not None and _is_done(contact, row["campaign"], leaving):
            return await _subscription(tx, ref)  # a repetition needs no locks
        # With claims locked no mail is claimed between the recall and the suppression.
        await lock_claims(tx)
        contact = await _recalled(tx, row, leaving)
        if contact is not None and await _leave(tx, contact, row["campaign"], leaving):
            await _record(tx, row["id"], contact, _EVENTS[leaving])
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
        if contact is not None:
            was_ended = await standing.resubscribe(tx, contact.id)
            had_chosen = await standing.come_back(tx, contact.id, row["campaign"])
            if was_ended or had_chosen:
                await _record(tx, row["id"], contact, "resubscribed")
        return await _subscription(tx, ref)

    return await run(ref.account, work, CUSTOMER)


def _is_done(contact: Contact, campaign: UUID, leaving: Leaving) -> bool:
    match leaving:
        case "all":
            return contact.suppressed == "unsubscribed"
        case "campaign":
            return campaign in (contact.left_campaigns or ())
        case "quarter":
            return contact.quarterly


async def _recalled(tx: Tx, invitation: asyncpg.Record, leaving: Leaving) -> Contact | None:
    """Recall what is claimed for the contact of `invitation`, and end reminders of what it leaves.

    One without a row gets it.
    """
    address = invitation["address"]
    contact = await contacts.contact_of(tx, invitation["id"], address, invitation["contact"])
    if contact is not None:
        await recall_contacts(tx, [contact.id])
        if leaving != "quarter":
            left = invitation["campaign"] if leaving == "campaign" else None
            await spare_contact(tx, contact.id, left)
    elif address is not None:
        contact = (await contacts.create(tx, [address]))[address]
    return contact


async def _leave(tx: Tx, contact: Contact, campaign: UUID, leaving: Leaving) -> bool:
    match leaving:
        case "all":
            return bool(await standing.override(tx, [contact.id], "unsubscribed", "link"))
        case "campaign":
            return await standing.leave_campaign(tx, contact.id, campaign)
        case "quarter":
            return await standing.ask_quarterly(tx, contact.id)


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
        ended=suppressed is not None and suppressed not in EMPTY,
        unreachable=suppressed in EMPTY,
        left=contact is not None and _is_done(contact, row["campaign"], "campaign"),
        quarterly=contact is not None and contact.quarterly,
        identity=await read_sender(tx),
    )


async def _record(tx: Tx, invitation: UUID, contact: Contact, kind: str) -> None:
    """Record in the timeline and in the audit what the customer did."""
    await tx.execute(_ADD_EVENT, tx.account, invitation, new_id(), tx.now, kind)
    action = "subscription.start" if kind == "resubscribed" else "subscription.end"
    chosen = None if kind in {"resubscribed", "unsubscribed"} else {"choice": kind}
    await record(tx, action, [AuditChange(f"contact/{contact.id}", None, chosen)])
    tx.last.add(ADVANCE)
