"""What is due: invitations that wait in the outbox, with what their release is judged on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail.states import LEASE
from rules.address import Mailboxes
from rules.facts import Kind
from sync.database import Tx

#: Ties go by release, then id, so this is the order in which contacts are decided too. Picked
#: first, so that a long queue costs no more than a short one; whoever changes an invitation
#: locks its entry in the queue before. LIMIT keeps the planner from reading all of an account for
#: each of them: until it has counted, it takes that for little.
_DUE: Final = LEASE.reading("""
WITH picked AS MATERIALIZED (
  SELECT invitation, release, attempt, resent, first_tried_at, survey_token, unsubscribe_token,
    vouched_at
  FROM outbox
  WHERE account = $1 AND phase IN ({from_phases}) AND release <= $2 AND not_before <= $2
    AND ($4::uuid[] IS NULL OR invitation = ANY($4))
  ORDER BY release, invitation
  LIMIT $3
  FOR NO KEY UPDATE SKIP LOCKED
)
SELECT o.*, i.campaign, i.version, i.task, i.transition, i.technician,
  i.due, i.address, i.typed_address, i.language, i.message_id,
  i.due < coalesce(a.restored_at, '-infinity')
    AND coalesce(o.vouched_at < a.restored_at, true) AS doubtful,
  r.moment, r.type, t.state, s.kind,
  t.state_transition AS last,
  c.name AS customer_name, c.email AS customer_email, c.billing_email,
  c.language AS customer_language, c.email_by, c.email_at,
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


class Visit(Struct, frozen=True):
    """The visit that is asked about. `type_names`: JSON text, by language.

    `transition`, `technician`: of the step that asks; `moment`: when that was, the day that people
    read is that on which it counts. `state`, `kind`, `last`: where the task is now, and by which
    transition.
    """

    transition: UUID
    technician: UUID
    moment: datetime
    type: UUID
    type_name: str
    type_names: str
    state: str
    kind: Kind
    last: UUID
    place: str | None
    zone: str | None


class Tokens(Struct, frozen=True):
    """The secrets of the links in the mail; 32 bytes each."""

    survey: bytes
    unsubscribe: bytes


class Sending(Struct, frozen=True):
    """What an earlier attempt settled: it is kept for every later one."""

    address: str
    typed: str
    language: str
    message_id: str
    tokens: Tokens


class Candidate(Struct, frozen=True):
    """A due invitation.

    `resent`: a copy may have gone before, this is the last. `first_tried_at`: when it was first
    offered to the server. `doubtful`: it was due before the database came back from a backup, so
    it may have been sent. `customer`: a name. `captured_by`, `captured_at`: the technician who
    noted the customer's address, and when. `visit`: None where it is about none. `earlier`: set
    from the 2nd attempt.
    """

    invitation: UUID
    release: datetime
    attempt: int
    resent: bool
    first_tried_at: datetime | None
    doubtful: bool
    campaign: UUID
    version: int
    due: datetime
    customer: str | None
    mailboxes: Mailboxes
    language: str | None
    captured_by: UUID | None
    captured_at: datetime | None
    visit: Visit | None
    earlier: Sending | None


async def due(tx: Tx, limit: int, only: Sequence[UUID] | None = None) -> list[Candidate]:
    """At most `limit` due invitations (of `only`), locked, in the order of their release."""
    return [_candidate(row) for row in await tx.fetch(_DUE, tx.account, tx.now, limit, only)]


async def due_ids(tx: Tx, limit: int) -> list[tuple[UUID, int]]:
    """Invitation and attempt of what `due` would give, neither locked nor read."""
    rows = await tx.fetch(_IDS, tx.account, tx.now, limit)
    return [(row["invitation"], row["attempt"]) for row in rows]


def _candidate(row: asyncpg.Record) -> Candidate:
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
        mailboxes=Mailboxes(
            row["customer_email"],
            row["location_email"],
            row["contact_email"],
            row["billing_email"],
        ),
        language=row["customer_language"],
        captured_by=row["email_by"],
        captured_at=row["email_at"],
        visit=None if row["task"] is None else _visit(row),
        earlier=None if row["survey_token"] is None else _earlier(row),
    )


def _visit(row: asyncpg.Record) -> Visit:
    return Visit(
        transition=row["transition"],
        technician=row["technician"],
        moment=row["moment"],
        type=row["type"],
        type_name=row["type_name"],
        type_names=row["type_names"],
        state=row["state"],
        kind=Kind(row["kind"]),
        last=row["last"],
        place=row["location_address"] or row["location_name"],
        zone=row["location_zone"],
    )


def _earlier(row: asyncpg.Record) -> Sending:
    tokens = Tokens(row["survey_token"], row["unsubscribe_token"])
    return Sending(row["address"], row["typed_address"], row["language"], row["message_id"], tokens)
