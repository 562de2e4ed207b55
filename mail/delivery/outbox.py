"""The queue of mails: reading what waits or is due, and leasing what was cleared to this worker.

A lease is for one attempt, and ends after some time.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import structs

from mail.delivery.stages import Candidate, Cleared, Leased, Sending, Unplanned, Visit
from mail.i18n import locale_of
from mail.states import LEASE, Purpose
from rules.campaign import AddressField
from rules.history import StateKind
from sync import tokens
from sync.database import Tx

#: What is known of `picked` entries of the queue and their invitations. LIMIT in the joins keeps
#: the planner, while it has no statistics, from reading a whole account for each entry.
_CANDIDATES: Final = """
SELECT o.*, i.campaign, i.version, i.task, i.manual, i.limits_waived, i.due, i.language, i.deadline,
  coalesce(o.own_address, i.address) AS address,
  coalesce(o.own_typed_address, i.typed_address) AS typed_address,
  coalesce(o.own_message_id, i.message_id) AS message_id,
  {ready} AS ready, coalesce(l.zone, a.zone) AS zone, l.region,
  i.due < coalesce(a.restored_at, '-infinity')
    AND coalesce(o.vouched_at < a.restored_at, true) AS due_before_restore,
  {type} AS type, {state} AS state, s.kind, t.state_transition AS last, t.contact_email,
  c.id AS customer_id, c.name AS customer_name, {email} AS customer_email, c.billing_email,
  c.language AS customer_language, y.name AS type_name, y.names AS type_names,
  coalesce(c.email_by = i.technician AND c.email_at >= r.moment, false) AS noted_by_technician,
  l.id AS location_id, l.name AS location_name, l.address AS location_address,
  l.email AS location_email
FROM picked o
JOIN account a ON a.account = $1
CROSS JOIN LATERAL ({invitation} LIMIT 1) i
LEFT JOIN LATERAL (
  SELECT * FROM transition WHERE account = $1 AND id = i.transition LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT * FROM task WHERE account = $1 AND id = i.task LIMIT 1) t ON true
LEFT JOIN LATERAL (SELECT * FROM state WHERE account = $1 AND code = {state} LIMIT 1) s ON true
LEFT JOIN LATERAL (SELECT * FROM task_type WHERE account = $1 AND id = {type} LIMIT 1) y ON true
LEFT JOIN LATERAL (
  SELECT * FROM customer WHERE account = $1
    AND id = CASE WHEN i.task IS NULL THEN i.customer ELSE t.customer END LIMIT 1) c ON true
LEFT JOIN LATERAL (
  SELECT * FROM location WHERE account = $1 AND id = t.location LIMIT 1) l ON true
ORDER BY o.release, o.invitation
"""

#: Where type, state and address of a candidate stand: for an invitation, or one to be planned.
_AS_STORED: Final = {
    "type": "r.type",
    "state": "t.state",
    "email": "c.email",
    "ready": "least(o.release, greatest(i.due, r.received_at))",
}
_STORED: Final = "SELECT * FROM invitation WHERE account = $1 AND id = o.invitation"

#: Of what was never tried: an entry of the queue that it might have.
_UNTRIED: Final = """0 AS attempt, false AS resent, NULL::timestamptz AS first_tried_at,
    NULL::bytea AS survey_token, NULL::timestamptz AS vouched_at, release AS not_before,
    'first' AS purpose, NULL AS own_address, NULL AS own_typed_address, NULL AS own_message_id"""

#: Ordered by release, then id: the order in which contacts are judged. Entries are picked first, so
#: that a long queue costs no more than a short one; a transaction that changes an invitation locks
#: its entry before.
_PICKED_DUE: Final = """
WITH picked AS MATERIALIZED (
  SELECT * FROM outbox WHERE account = $1 AND phase IN ({from_phases})
    AND release <= $2 AND not_before <= $2 AND ($4::uuid[] IS NULL OR invitation = ANY($4))
  ORDER BY release, invitation
  LIMIT $3
  FOR NO KEY UPDATE SKIP LOCKED
)"""
_LOCKED: Final = f"{_STORED} FOR NO KEY UPDATE"
_DUE: Final = LEASE.reading(_PICKED_DUE + _CANDIDATES.format(invitation=_LOCKED, **_AS_STORED))

_PICKED_WAITING: Final = """
WITH picked AS MATERIALIZED (
  SELECT * FROM outbox WHERE account = $1 AND phase IN ({from_phases}) AND invitation = ANY($2)
)"""
_WAITING: Final = LEASE.reading(
    _PICKED_WAITING + _CANDIDATES.format(invitation=_STORED, **_AS_STORED)
)

#: An invitation that is not in the queue, as if it had never been tried.
_ASKED: Final = f"""
WITH picked AS (
  SELECT id AS invitation, release, {_UNTRIED} FROM invitation WHERE account = $1 AND id = $2)
{_CANDIDATES.format(invitation=_STORED, **_AS_STORED)}"""  # noqa: S608 - our own text
_MADE: Final = """
SELECT made.*, NULL::uuid AS technician, NULL::uuid AS customer, NULL AS address,
  false AS manual, false AS limits_waived,
  NULL AS typed_address, NULL AS language, NULL AS message_id, NULL::timestamptz AS deadline
FROM made WHERE made.invitation = o.invitation
"""
_AS_PLANNED: Final = {
    "type": "i.type",
    "ready": "i.ready",
    "state": "coalesce(i.state, t.state)",
    "email": (
        "CASE WHEN c.id IS NOT NULL AND coalesce(btrim(c.email), '') = ''"
        " THEN i.captured ELSE c.email END"
    ),
}
_UNPLANNED: Final = f"""
WITH made AS (
  SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::integer[], $5::uuid[], $6::uuid[], $7::uuid[],
    $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[])
    AS n (invitation, campaign, version, task, transition, type, due, ready, release, state,
      captured)
), picked AS (
  SELECT invitation, release, {_UNTRIED} FROM made
)
{_CANDIDATES.format(invitation=_MADE, **_AS_PLANNED)}"""  # noqa: S608 - our own text

_DUE_IDS: Final = LEASE.reading("""
SELECT invitation, attempt FROM outbox
WHERE account = $1 AND phase IN ({from_phases}) AND release <= $2 AND not_before <= $2
ORDER BY release, invitation LIMIT $3
""")

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

_LEASE: Final = LEASE.sql("""
UPDATE outbox o
SET phase = {phase}, attempt = o.attempt + 1, lease_until = $2, error = NULL,
  sender_domain = NULL, recipient_domain = NULL,
  first_tried_at = coalesce(o.first_tried_at, $3),
  survey_token = given.secret
FROM unnest($4::uuid[], $5::bytea[]) AS given (invitation, secret)
WHERE o.account = $1 AND o.invitation = ANY($4::uuid[]) AND o.invitation = given.invitation
""")

#: The fields of a candidate that are columns of the same name.
_AS_READ: Final = (
    "invitation", "ready", "release", "zone", "region", "attempt", "resent", "first_tried_at",
    "due_before_restore", "vouched_at", "campaign", "version", "manual", "limits_waived", "due",
    "noted_by_technician", "deadline", "customer_id", "location_id",
)  # fmt: skip
#: The columns of a candidate's addresses.
_ADDRESSES: Final = {
    AddressField.CUSTOMER: "customer_email",
    AddressField.LOCATION: "location_email",
    AddressField.CONTACT: "contact_email",
    AddressField.BILLING: "billing_email",
}


async def due(tx: Tx, limit: int, only: Sequence[UUID] | None = None) -> list[Candidate]:
    """Return at most `limit` due invitations (of `only`), locked, in the order of release."""
    return [_candidate(row) for row in await tx.fetch(_DUE, tx.account, tx.now, limit, only)]


async def waiting(tx: Tx, invitations: Collection[UUID]) -> list[tuple[Candidate, datetime]]:
    """Return those of `invitations` that wait for release or another attempt, and until when.

    Nothing is locked. In the order of release.
    """
    rows = await tx.fetch(_WAITING, tx.account, invitations)
    return [(_candidate(row), row["not_before"]) for row in rows]


async def asked(tx: Tx, invitation: UUID) -> Candidate:
    """Return an invitation, which exists, as if it had never been tried."""
    return _candidate((await tx.fetch(_ASKED, tx.account, invitation))[0])


async def unplanned(tx: Tx, surveys: Sequence[Unplanned]) -> list[Candidate]:
    """Return surveys that are not stored yet, as if they were: what would be decided on them."""
    if not surveys:
        return []
    columns = zip(*map(structs.astuple, surveys), strict=True)
    return [_candidate(row) for row in await tx.fetch(_UNPLANNED, tx.account, *columns)]


async def due_ids(tx: Tx, limit: int) -> list[tuple[UUID, int]]:
    """Return invitation and attempt of what `due` would return, without locking it."""
    rows = await tx.fetch(_DUE_IDS, tx.account, tx.now, limit)
    return [(row["invitation"], row["attempt"]) for row in rows]


async def address_and_lease(tx: Tx, cleared: Sequence[Cleared], until: datetime) -> list[Leased]:
    """Lease `cleared` invitations, whose rows are locked, `until` that time.

    Addresses and links of those that are tried for the first time are stored.
    """
    account = await tx.fetchrow(_ACCOUNT, tx.account)
    assert account is not None  # noqa: S101 - rows of it are locked
    jobs = [_leased(tx, item, account) for item in cleared]
    first, links, changed = [], [], []
    for job, item in zip(jobs, cleared, strict=True):
        sending, candidate = job.sending, job.candidate
        if candidate.earlier is None:
            field = item.to.field
            captured = field is AddressField.CUSTOMER and candidate.noted_by_technician
            address = (sending.address, sending.typed, field.value, captured)
            first.append((job.invitation, *address, sending.language, sending.message_id))
            links.append((tokens.digest(tokens.digest(sending.secret)), job.invitation))
        elif sending is not candidate.earlier:
            changed.append((job.invitation, sending.message_id))
    if first:
        await tx.execute(_SET_ADDRESS, tx.account, *zip(*first, strict=True))
        await tx.execute(_ADD_LINKS, tx.account, *zip(*links, strict=True))
    if changed:
        await tx.execute(_SET_MESSAGE_ID, tx.account, *zip(*changed, strict=True))
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
            kind=StateKind(row["kind"]),
            last=row["last"],
            place=row["location_address"] or row["location_name"],
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
        **{field: row[field] for field in _AS_READ},
        purpose=Purpose(row["purpose"]),
        customer=row["customer_name"],
        mailboxes={field: row[column] for field, column in _ADDRESSES.items()},
        language=row["customer_language"],
        visit=visit,
        earlier=earlier,
    )


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
