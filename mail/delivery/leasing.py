"""Leasing: what was cleared is given to this worker for a while, under one attempt number."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct, structs

from mail.definition import Content
from mail.delivery.breakers import Route
from mail.delivery.due import Candidate, Sending, Tokens
from mail.delivery.judging import Cleared, Version, Versions
from mail.i18n import locale_of
from mail.letter.headers import is_message_id
from mail.states import LEASE
from rules.campaign import AddressField
from rules.timing import counted_at
from sync import tokens
from sync.database import Tx

_ACCOUNT: Final = "SELECT language, zone, after_crash FROM account WHERE account = $1"

#: Looked up by the array, too: by the join alone all invitations may be read to find a chunk's.
_ADDRESS: Final = LEASE.sql("""
UPDATE invitation i
SET status = {status}, address = one.address, typed_address = one.typed,
  address_field = one.field, address_by_technician = one.captured,
  language = one.language, message_id = one.message_id
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::text[])
  AS one (id, address, typed, field, captured, language, message_id)
WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = one.id
""")

#: A mail whose Message-ID could not be written has never left, so another one doubles nothing.
_HEAL: Final = """
UPDATE invitation i SET message_id = one.message_id
FROM unnest($2::uuid[], $3::text[]) AS one (id, message_id)
WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = one.id
"""

_LINK: Final = """
INSERT INTO link (account, token_hash, purpose, invitation)
SELECT $1, one.hash, one.purpose, one.invitation
FROM unnest($2::bytea[], $3::text[], $4::uuid[]) AS one (hash, purpose, invitation)
"""

_LEASE: Final = LEASE.sql("""
UPDATE outbox o
SET phase = {phase}, attempt = o.attempt + 1, lease_until = $2, error = NULL,
  sender_domain = NULL, recipient_domain = NULL,
  first_tried_at = coalesce(o.first_tried_at, $3),
  survey_token = one.survey, unsubscribe_token = one.unsubscribe
FROM unnest($4::uuid[], $5::bytea[], $6::bytea[]) AS one (invitation, survey, unsubscribe)
WHERE o.account = $1 AND o.invitation = one.invitation
""")


class Leased(Struct, frozen=True):
    """A leased invitation. `attempt` fences: a write with another one changes nothing.

    `contact`: whom it is for. `sender`: the address that it is from. `probe`: it is the one that an
    open breaker lets through.
    `claimed_at`, `first_tried_at`: UTC. `visited_at`: when the step counts that asks.
    `answers_for`: how long answers are taken. `zone`: IANA. `fallback`: the account's language.
    `after_crash`: what the account wants done when in doubt.
    """

    account: int
    invitation: UUID
    candidate: Candidate
    contact: UUID
    sending: Sending
    sender: str
    route: Route
    probe: bool
    attempt: int
    content: Content
    answers_for: timedelta
    visited_at: datetime
    claimed_at: datetime
    first_tried_at: datetime
    zone: str
    fallback: str
    after_crash: str


async def lease(
    tx: Tx, cleared: Sequence[Cleared], versions: Versions, until: datetime
) -> list[Leased]:
    """Take `cleared` invitations, whose rows are locked; the lease lasts `until` then."""
    account = await tx.fetchrow(_ACCOUNT, tx.account)
    assert account is not None  # noqa: S101 - its rows are in our hands
    jobs = [
        _leased(tx, one, versions[one.candidate.campaign, one.candidate.version], account)
        for one in cleared
    ]
    pairs = zip(jobs, cleared, strict=True)
    await _settle(tx, [(job, one) for job, one in pairs if job.candidate.earlier is None])
    healed = [
        (job.invitation, job.sending.message_id)
        for job in jobs
        if job.candidate.earlier is not None and job.sending is not job.candidate.earlier
    ]
    if healed:
        await tx.execute(_HEAL, tx.account, *zip(*healed, strict=True))
    secrets = [
        (job.invitation, job.sending.tokens.survey, job.sending.tokens.unsubscribe) for job in jobs
    ]
    await tx.execute(_LEASE, tx.account, until, tx.now, *zip(*secrets, strict=True))
    return jobs


def _leased(tx: Tx, one: Cleared, version: Version, account: asyncpg.Record) -> Leased:
    candidate = one.candidate
    return Leased(
        account=tx.account,
        invitation=candidate.invitation,
        candidate=candidate,
        contact=one.contact,
        sending=_sending(one, version, account["language"]),
        sender=version.sender,
        route=one.route,
        probe=one.probed is not None,
        attempt=candidate.attempt + 1,
        content=version.content,
        answers_for=version.rules.deadline,
        visited_at=counted_at(candidate.due, version.rules.delay),
        claimed_at=tx.now,
        first_tried_at=candidate.first_tried_at or tx.now,
        zone=(candidate.visit and candidate.visit.zone) or account["zone"],
        fallback=account["language"],
        after_crash=account["after_crash"],
    )


def _sending(one: Cleared, version: Version, fallback: str) -> Sending:
    earlier = one.candidate.earlier
    if earlier is not None and is_message_id(earlier.message_id):
        return earlier
    # Of the sender's domain: one of another than From looks forged. The same for every copy, so
    # that mailboxes may drop a second one.
    name = f"<{one.candidate.invitation}@{version.domain}>"
    if earlier is not None:
        return structs.replace(earlier, message_id=name)
    return Sending(
        address=one.to.normal,
        typed=one.to.typed,
        language=locale_of(one.candidate.language, fallback),
        message_id=name,
        tokens=Tokens(tokens.mint(), tokens.mint()),
    )


async def _settle(tx: Tx, first: Sequence[tuple[Leased, Cleared]]) -> None:
    """Keep the addresses and the links of those that are tried for the first time."""
    rows, links = [], []
    for job, one in first:
        said = job.sending
        rows.append(
            (
                job.invitation,
                said.address,
                said.typed,
                one.to.field.value,
                _by_technician(one),
                said.language,
                said.message_id,
            )
        )
        for secret, purpose in (
            (said.tokens.survey, "survey"),
            (said.tokens.unsubscribe, "unsubscribe"),
        ):
            links.append((tokens.digest(secret), purpose, job.invitation))
    if rows:
        await tx.execute(_ADDRESS, tx.account, *zip(*rows, strict=True))
        await tx.execute(_LINK, tx.account, *zip(*links, strict=True))


def _by_technician(one: Cleared) -> bool:
    """Whether the one who is rated noted the address, with the visit's end or after it."""
    candidate, visit = one.candidate, one.candidate.visit
    return (
        visit is not None
        and one.to.field is AddressField.CUSTOMER
        and candidate.captured_by == visit.technician
        and candidate.captured_at is not None
        and candidate.captured_at >= visit.moment
    )
