"""Leasing mails that were cleared to this worker.

A lease is for one attempt, and ends after some time.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg
from msgspec import structs

from mail.delivery.stages import Cleared, Leased, Sending
from mail.i18n import locale_of
from mail.states import LEASE, Purpose
from rules.campaign import AddressField
from sync import tokens
from sync.database import Tx

_ACCOUNT: Final = "SELECT language, after_crash FROM account WHERE account = $1"

#: Here and wherever a chunk is written the condition on the array makes the planner use the key:
#: for the join alone it may read a whole account.
_SET_ADDRESS: Final = LEASE.sql("""
UPDATE invitation i
SET status = {status}, address = given.address, typed_address = given.typed,
  address_field = given.field, address_by_technician = given.captured,
  language = given.language, message_id = given.message_id
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::text[])
  AS given (id, address, typed, field, captured, language, message_id)
WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = given.id
""")

#: A mail whose Message-ID could not be written was never sent, so it may get another one.
_SET_MESSAGE_ID: Final = """
UPDATE invitation i SET message_id = given.message_id
FROM unnest($2::uuid[], $3::text[]) AS given (id, message_id)
WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = given.id
"""

_ADD_LINKS: Final = """
INSERT INTO link (account, token_hash, invitation)
SELECT $1, new.hash, new.invitation FROM unnest($2::bytea[], $3::uuid[]) AS new (hash, invitation)
"""

#: A reminder may go to another contact than the first mail, as the resend before it did.
_ADD_LINKS_OF_REMINDERS: Final = """
INSERT INTO link (account, token_hash, invitation, contact)
SELECT $1, new.hash, new.invitation, nullif(new.contact, u.contact)
FROM unnest($2::bytea[], $3::uuid[], $4::uuid[]) AS new (hash, invitation, contact)
LEFT JOIN contact_use u
  ON u.account = $1 AND u.invitation = ANY($3::uuid[]) AND u.invitation = new.invitation
"""

_LEASE: Final = LEASE.sql("""
UPDATE outbox o
SET phase = {phase}, attempt = o.attempt + 1, lease_until = $2, error = NULL,
  sender_domain = NULL, recipient_domain = NULL,
  survey_token = given.secret
FROM unnest($3::uuid[], $4::bytea[]) AS given (invitation, secret)
WHERE o.account = $1 AND o.invitation = ANY($3::uuid[]) AND o.invitation = given.invitation
""")


async def address_and_lease(tx: Tx, cleared: Sequence[Cleared], until: datetime) -> list[Leased]:
    """Lease `cleared` invitations, whose rows are locked, `until` that time.

    Addresses and links of those that are tried for the first time are stored; of a reminder the
    address was, and its link is only made now, so that none waits in the queue for days.
    """
    jobs = await as_leased(tx, cleared)
    first, links, changed, reminding = [], [], [], []
    for job, item in zip(jobs, cleared, strict=True):
        sending, candidate = job.sending, job.candidate
        if candidate.earlier is None:
            field = item.to.field
            captured = field is AddressField.CUSTOMER and candidate.noted_by_technician
            address = (sending.address, sending.typed, field.value, captured)
            first.append((job.invitation, *address, sending.language, sending.message_id))
            links.append((_link(sending), job.invitation))
        elif candidate.untried:
            reminding.append((_link(sending), job.invitation, job.contact))
        elif sending is not candidate.earlier:
            changed.append((job.invitation, sending.message_id))
    if first:
        await tx.execute(_SET_ADDRESS, tx.account, *zip(*first, strict=True))
        await tx.execute(_ADD_LINKS, tx.account, *zip(*links, strict=True))
    if reminding:
        await tx.execute(_ADD_LINKS_OF_REMINDERS, tx.account, *zip(*reminding, strict=True))
    if changed:
        await tx.execute(_SET_MESSAGE_ID, tx.account, *zip(*changed, strict=True))
    secrets = [(job.invitation, job.sending.secret) for job in jobs]
    await tx.execute(_LEASE, tx.account, until, *zip(*secrets, strict=True))
    return jobs


async def as_leased(tx: Tx, cleared: Sequence[Cleared]) -> list[Leased]:
    """Return `cleared` invitations as they are once leased; nothing is stored."""
    account = await tx.fetchrow(_ACCOUNT, tx.account)
    assert account is not None  # noqa: S101 - the transaction is in its scope
    return [_leased(tx, item, account) for item in cleared]


def _link(sending: Sending) -> bytes:
    """Return what is stored of the two links of a mail."""
    return tokens.digest(tokens.digest(sending.secret))


def _leased(tx: Tx, item: Cleared, account: asyncpg.Record) -> Leased:
    candidate = item.candidate
    sending = candidate.earlier or Sending(
        address=item.to.normal,
        typed=item.to.typed,
        language=locale_of(candidate.language, account["language"]),
        message_id="",
        secret=tokens.mint(),
    )
    if not sending.message_id or not sending.message_id.isascii():
        # In the sender's domain, since another one looks forged. The same for each copy, so that
        # mailboxes may discard the second. Older releases wrote domains that were not in punycode.
        message_id = f"<{candidate.invitation}@{item.version.domain}>"
        sending = structs.replace(sending, message_id=message_id)
    return Leased(
        account=tx.account,
        invitation=candidate.invitation,
        candidate=candidate,
        version=item.version,
        contact=item.contact,
        sending=sending,
        route=item.route,
        probe=item.probed is not None,
        attempt=candidate.attempt + 1,
        claimed_at=tx.now,
        first_tried_at=candidate.first_tried_at or tx.now,
        zone=candidate.zone,
        fallback=account["language"],
        after_crash=account["after_crash"] if candidate.purpose is Purpose.FIRST else "resend",
    )
