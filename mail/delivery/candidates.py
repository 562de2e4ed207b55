"""What is due: invitations that wait in the outbox, with what their release is judged on."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from rules.address import Mailboxes
from rules.facts import Kind, OrderKey
from sync.database import Tx

#: Ties go by release, then id, so this is the order in which contacts are decided too.
_DUE: Final = """
SELECT o.invitation, o.release, o.attempt, o.resent, o.first_tried_at,
  o.survey_token, o.unsubscribe_token,
  i.campaign, i.version, i.task, i.transition, i.technician,
  i.address, i.typed_address, i.language, i.message_id,
  r.moment, t.type, t.state, s.kind,
  w.moment AS last_moment, w.sequence AS last_sequence, w.id AS last_id,
  c.name AS customer_name, c.email AS customer_email, c.billing_email,
  c.language AS customer_language, c.email_by, c.email_at,
  l.name AS location_name, l.address AS location_address, l.email AS location_email,
  l.zone AS location_zone, t.contact_email,
  y.name AS type_name, y.names AS type_names
FROM outbox o
JOIN invitation i ON (i.account, i.id) = (o.account, o.invitation)
JOIN transition r ON (r.account, r.id) = (i.account, i.transition)
JOIN task t ON (t.account, t.id) = (i.account, i.task)
JOIN transition w ON (w.account, w.id) = (t.account, t.state_transition)
JOIN state s ON (s.account, s.code) = (t.account, t.state)
JOIN task_type y ON (y.account, y.id) = (t.account, t.type)
LEFT JOIN customer c ON (c.account, c.id) = (t.account, t.customer)
LEFT JOIN location l ON (l.account, l.id) = (t.account, t.location)
WHERE o.account = $1 AND o.phase = 'waiting' AND o.not_before <= $2
ORDER BY o.release, o.invitation
LIMIT $3
FOR NO KEY UPDATE OF o, i SKIP LOCKED
"""


class Visit(Struct, frozen=True):
    """What the mail says of the visit. `type_names`: JSON text, by language."""

    moment: datetime
    type_name: str
    type_names: str
    customer: str | None
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
    """A due invitation. `last`: the task's last transition. `earlier`: set from the 2nd attempt."""

    invitation: UUID
    release: datetime
    attempt: int
    resent: bool
    first_tried_at: datetime | None
    campaign: UUID
    version: int
    transition: UUID
    technician: UUID
    type: UUID
    state: str
    kind: Kind
    last: OrderKey
    mailboxes: Mailboxes
    language: str | None
    captured_by: UUID | None
    captured_at: datetime | None
    visit: Visit
    earlier: Sending | None


async def due(tx: Tx, limit: int) -> list[Candidate]:
    """At most `limit` due invitations of the account, locked, in the order of their release."""
    return [_candidate(row) for row in await tx.fetch(_DUE, tx.account, tx.now, limit)]


def _candidate(row: asyncpg.Record) -> Candidate:
    return Candidate(
        invitation=row["invitation"],
        release=row["release"],
        attempt=row["attempt"],
        resent=row["resent"],
        first_tried_at=row["first_tried_at"],
        campaign=row["campaign"],
        version=row["version"],
        transition=row["transition"],
        technician=row["technician"],
        type=row["type"],
        state=row["state"],
        kind=Kind(row["kind"]),
        last=(row["last_moment"], row["last_sequence"], row["last_id"]),
        mailboxes=Mailboxes(
            row["customer_email"],
            row["location_email"],
            row["contact_email"],
            row["billing_email"],
        ),
        language=row["customer_language"],
        captured_by=row["email_by"],
        captured_at=row["email_at"],
        visit=_visit(row),
        earlier=_earlier(row),
    )


def _visit(row: asyncpg.Record) -> Visit:
    return Visit(
        moment=row["moment"],
        type_name=row["type_name"],
        type_names=row["type_names"],
        customer=row["customer_name"],
        place=row["location_address"] or row["location_name"],
        zone=row["location_zone"],
    )


def _earlier(row: asyncpg.Record) -> Sending | None:
    if row["survey_token"] is None:
        return None
    tokens = Tokens(row["survey_token"], row["unsubscribe_token"])
    return Sending(row["address"], row["typed_address"], row["language"], row["message_id"], tokens)
