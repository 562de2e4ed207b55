"""The queue of mails: reading what waits or is due."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import structs

from mail.delivery.stages import Candidate, Sending, Unplanned, Visit
from mail.states import LEASE, Purpose
from rules.campaign import AddressField
from rules.history import StateKind
from sync import tokens
from sync.database import Tx

#: What is known of `picked` entries of the queue and their invitations. LIMIT in the joins keeps
#: the planner, while it has no statistics, from reading a whole account for each entry.
_CANDIDATES: Final = """
SELECT o.*, i.campaign, i.version, i.task, i.manual, i.due, i.language, i.deadline,
  i.limits_waived OR CASE WHEN o.purpose = 'first' AND NOT o.resent
    AND o.survey_token IS NOT NULL AND o.vouched_at IS NOT NULL THEN (
    SELECT true FROM mail_event
    WHERE account = $1 AND invitation = o.invitation AND kind = 'resend_requested' LIMIT 1)
    END IS TRUE AS limits_waived,
  CASE WHEN o.survey_token IS NOT NULL THEN (
    SELECT true FROM contact_use WHERE account = $1 AND invitation = o.invitation LIMIT 1)
    END IS TRUE AS has_use,
  coalesce(o.own_address, i.address) AS address,
  coalesce(o.own_typed_address, i.typed_address) AS typed_address,
  coalesce(o.own_message_id, i.message_id) AS message_id,
  {ready} AS ready, coalesce(l.zone, a.zone) AS zone, l.region,
  i.sent_at, i.message_id AS first_message_id,
  i.address AS first_address, i.customer AS asked_customer,
  CASE o.purpose WHEN 'reminder' THEN o.release ELSE i.due END
      < coalesce(a.restored_at, '-infinity')
    AND coalesce(o.vouched_at < a.restored_at, true) AS due_before_restore,
  CASE o.purpose WHEN 'reminder' THEN (
    SELECT true FROM answer WHERE account = $1 AND invitation = o.invitation LIMIT 1)
    END IS TRUE AS answered,
  o.survey_token IS NULL AS untried,
  coalesce(r.moment, i.due) AS moment,
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
  NULL AS typed_address, NULL AS language, NULL AS message_id, NULL::timestamptz AS deadline,
  NULL::timestamptz AS sent_at
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

#: The fields of a candidate that are columns of the same name.
_AS_READ: Final = (
    "invitation", "ready", "release", "zone", "region", "attempt", "resent", "first_tried_at",
    "due_before_restore", "vouched_at", "campaign", "version", "manual", "limits_waived", "has_use",
    "due", "noted_by_technician", "untried", "deadline", "answered", "sent_at", "first_message_id",
    "first_address", "asked_customer",
    "customer_id", "location_id",
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


def _candidate(row: asyncpg.Record) -> Candidate:
    visit = earlier = None
    if row["task"] is not None:
        visit = Visit(
            type=row["type"],
            moment=row["moment"],
            type_name=row["type_name"],
            type_names=row["type_names"],
            state=row["state"],
            kind=StateKind(row["kind"]),
            last=row["last"],
            place=row["location_address"] or row["location_name"],
        )
    if row["survey_token"] is not None or row["purpose"] == Purpose.REMINDER:
        earlier = Sending(
            address=row["address"],
            typed=row["typed_address"],
            language=row["language"],
            message_id=row["message_id"],
            secret=row["survey_token"] or tokens.mint(),
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
