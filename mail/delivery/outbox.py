"""The queue's two ends of a claim: what is due is locked and read, what was cleared is leased.

A lease gives an invitation to this worker for a while, under one attempt number.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import structs

from mail.delivery.stages import Candidate, Cleared, Leased, Sending, Visit
from mail.i18n import locale_of
from mail.states import LEASE
from rules.campaign import AddressField
from rules.facts import Kind
from sync import tokens
from sync.database import Tx

#: Ties go by release, then id, so this is the order in which contacts are decided too. Picked
#: first, so that a long queue costs no more than a short one; whoever changes an invitation
#: locks its entry in the queue before. LIMIT keeps the planner from reading all of an account for
#: each of them: until it has counted, it takes that for little.
_DUE: Final = LEASE.reading("""
WITH picked AS MATERIALIZED (
  SELECT invitation, release, attempt, resent, first_tried_at, survey_token, vouched_at
  FROM outbox
  WHERE account = $1 AND phase IN ({from_phases}) AND release <= $2 AND not_before <= $2
    AND ($4::uuid[] IS NULL OR invitation = ANY($4))
  ORDER BY release, invitation
  LIMIT $3
  FOR NO KEY UPDATE SKIP LOCKED
)
SELECT o.*, i.campaign, i.version, i.task,
  i.due, i.address, i.typed_address, i.language, i.message_id,
  i.due < coalesce(a.restored_at, '-infinity')
    AND coalesce(o.vouched_at < a.restored_at, true) AS doubtful,
  r.type, t.state, s.kind,
  t.state_transition AS last,
  c.name AS customer_name, c.email AS customer_email, c.billing_email,
  c.language AS customer_language,
  coalesce(c.email_by = i.technician AND c.email_at >= r.moment, false) AS noted_by_technician,
  l.name AS location_name, l.address AS location_address, l.email AS location_email,
  l.zone AS location_zone, t.contact_email,
  y.name AS type_name, y.names AS type_names
FROM picked o
JOIN account a ON a.account = $1
CROSS JOIN LATERAL (
  SELECT * FROM invitation WHERE account = $1 AND id = o.invitation FOR NO KEY UPDATE LIMIT 1) i
LEFT JOIN LATERAL (
  SELECT * FROM transition WHERE account = $1 AND id = i.transition LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT * FROM task WHERE account = $1 AND id = i.task LIMIT 1) t ON true
LEFT JOIN LATERAL (SELECT * FROM state WHERE account = $1 AND code = t.state LIMIT 1) s ON true
LEFT JOIN LATERAL (SELECT * FROM task_type WHERE account = $1 AND id = r.type LIMIT 1) y ON true
LEFT JOIN LATERAL (
  SELECT * FROM customer WHERE account = $1
    AND id = CASE WHEN i.task IS NULL THEN i.customer ELSE t.customer END LIMIT 1) c ON true
LEFT JOIN LATERAL (
  SELECT * FROM location WHERE account = $1 AND id = t.location LIMIT 1) l ON true
ORDER BY o.release, o.invitation
""")

_IDS: Final = LEASE.reading("""
SELECT invitation, attempt FROM outbox
WHERE account = $1 AND phase IN ({from_phases}) AND release <= $2 AND not_before <= $2
ORDER BY release, invitation LIMIT $3
""")

_ACCOUNT: Final = "SELECT language, zone, after_crash FROM account WHERE account = $1"

#: Looked up by the array, too, here and wherever a chunk is written: by the join alone all of the
#: account's rows may be read to find those.
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
INSERT INTO link (account, token_hash, invitation)
SELECT $1, one.hash, one.invitation FROM unnest($2::bytea[], $3::uuid[]) AS one (hash, invitation)
"""

_LEASE: Final = LEASE.sql("""
UPDATE outbox o
SET phase = {phase}, attempt = o.attempt + 1, lease_until = $2, error = NULL,
  sender_domain = NULL, recipient_domain = NULL,
  first_tried_at = coalesce(o.first_tried_at, $3),
  survey_token = one.secret
FROM unnest($4::uuid[], $5::bytea[]) AS one (invitation, secret)
WHERE o.account = $1 AND o.invitation = ANY($4::uuid[]) AND o.invitation = one.invitation
""")


async def due(tx: Tx, limit: int, only: Sequence[UUID] | None = None) -> list[Candidate]:
    """At most `limit` due invitations (of `only`), locked, in the order of their release."""
    return [_candidate(row) for row in await tx.fetch(_DUE, tx.account, tx.now, limit, only)]


async def due_ids(tx: Tx, limit: int) -> list[tuple[UUID, int]]:
    """Invitation and attempt of what `due` would give, neither locked nor read."""
    rows = await tx.fetch(_IDS, tx.account, tx.now, limit)
    return [(row["invitation"], row["attempt"]) for row in rows]


async def lease(tx: Tx, cleared: Sequence[Cleared], until: datetime) -> list[Leased]:
    """Take `cleared` invitations, whose rows are locked; the lease lasts `until` then."""
    account = await tx.fetchrow(_ACCOUNT, tx.account)
    assert account is not None  # noqa: S101 - its rows are in our hands
    jobs = [_leased(tx, one, account) for one in cleared]
    new = [(job, one) for job, one in zip(jobs, cleared, strict=True) if not one.candidate.earlier]
    if new:
        await _settle(tx, new)
    healed = [
        (job.invitation, job.sending.message_id)
        for job in jobs
        if job.candidate.earlier is not None and job.sending is not job.candidate.earlier
    ]
    if healed:
        await tx.execute(_HEAL, tx.account, *zip(*healed, strict=True))
    secrets = [(job.invitation, job.sending.secret) for job in jobs]
    await tx.execute(_LEASE, tx.account, until, tx.now, *zip(*secrets, strict=True))
    return jobs


def _candidate(row: asyncpg.Record) -> Candidate:
    visit = earlier = None
    if row["task"] is not None:
        visit = Visit(
            type=row["type"],
            type_name=row["type_name"],
            type_names=row["type_names"],
            state=row["state"],
            kind=Kind(row["kind"]),
            last=row["last"],
            place=row["location_address"] or row["location_name"],
            zone=row["location_zone"],
        )
    if row["survey_token"] is not None:
        earlier = Sending(
            address=row["address"],
            typed=row["typed_address"],
            language=row["language"],
            message_id=row["message_id"],
            secret=row["survey_token"],
        )
    return Candidate(
        invitation=row["invitation"],
        release=row["release"],
        attempt=row["attempt"],
        resent=row["resent"],
        first_tried_at=row["first_tried_at"],
        doubtful=row["doubtful"],
        campaign=row["campaign"],
        version=row["version"],
        due=row["due"],
        customer=row["customer_name"],
        mailboxes={
            AddressField.CUSTOMER: row["customer_email"],
            AddressField.LOCATION: row["location_email"],
            AddressField.CONTACT: row["contact_email"],
            AddressField.BILLING: row["billing_email"],
        },
        language=row["customer_language"],
        noted_by_technician=row["noted_by_technician"],
        visit=visit,
        earlier=earlier,
    )


def _leased(tx: Tx, one: Cleared, account: asyncpg.Record) -> Leased:
    candidate = one.candidate
    sending = candidate.earlier or Sending(
        address=one.to.normal,
        typed=one.to.typed,
        language=locale_of(candidate.language, account["language"]),
        message_id="",
        secret=tokens.mint(),
    )
    if not sending.message_id or not sending.message_id.isascii():
        # Of the sender's domain: one of another than From looks forged. The same for every copy, so
        # that mailboxes may drop a second one. Some had a domain that was not in punycode.
        name = f"<{candidate.invitation}@{one.version.domain}>"
        sending = structs.replace(sending, message_id=name)
    return Leased(
        account=tx.account,
        invitation=candidate.invitation,
        candidate=candidate,
        version=one.version,
        contact=one.contact,
        sending=sending,
        route=one.route,
        probe=one.probed is not None,
        attempt=candidate.attempt + 1,
        claimed_at=tx.now,
        first_tried_at=candidate.first_tried_at or tx.now,
        zone=(candidate.visit and candidate.visit.zone) or account["zone"],
        fallback=account["language"],
        after_crash=account["after_crash"],
    )


async def _settle(tx: Tx, new: Sequence[tuple[Leased, Cleared]]) -> None:
    """Keep the addresses and the links of those that are tried for the first time."""
    rows, links = [], []
    for job, one in new:
        field, said = one.to.field, job.sending
        by_technician = field is AddressField.CUSTOMER and job.candidate.noted_by_technician
        rows.append(
            (
                job.invitation,
                said.address,
                said.typed,
                field.value,
                by_technician,
                said.language,
                said.message_id,
            )
        )
        links.append((tokens.digest(tokens.digest(said.secret)), job.invitation))
    await tx.execute(_ADDRESS, tx.account, *zip(*rows, strict=True))
    await tx.execute(_LINK, tx.account, *zip(*links, strict=True))
