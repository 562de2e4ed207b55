"""All that happened to a task, earliest first: facts, decisions, mails and answers."""

from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from sync.database import Tx


class Moved(Struct, frozen=True, tag="transition", tag_field="kind"):
    """A transition; `at` is its moment. `technician`: who made it."""

    at: datetime
    id: UUID
    state: str
    received_at: datetime
    technician: UUID
    note: str | None
    survey: bool
    unexpected: bool


class DecisionMade(Struct, frozen=True, tag="decision", tag_field="kind"):
    """What a campaign decided on a transition: `outcome` is scheduled, or the reason why not."""

    at: datetime
    campaign: UUID
    transition: UUID
    outcome: str
    release: datetime | None


class Mailed(Struct, frozen=True, tag="mail", tag_field="kind"):
    """What happened to a mail, such as claimed, sent, dropped; `address`: as it was typed."""

    at: datetime
    event: str
    campaign: UUID
    invitation: UUID
    address: str | None
    attempt: int
    detail: str | None


class Answered(Struct, frozen=True, tag="answer", tag_field="kind"):
    """One version of a customer's answer; reasons are codes of the campaign."""

    at: datetime
    campaign: UUID
    invitation: UUID
    version: int
    rating: int | None
    reasons: list[str]
    comment: str
    not_me: bool
    call_back: bool


Entry: TypeAlias = Moved | DecisionMade | Mailed | Answered

_MOVED: Final = """
SELECT moment AS at, id, state, received_at, technician, note, survey, unexpected
FROM transition WHERE account = $1 AND task = $2
ORDER BY moment, sequence, id
"""

_DECIDED: Final = """
SELECT d.decided_at AS at, d.campaign, d.transition, d.outcome, d.release
FROM decision d
JOIN transition t ON (t.account, t.id) = (d.account, d.transition)
WHERE d.account = $1 AND d.task = $2
ORDER BY d.decided_at, t.moment, t.sequence, t.id, d.campaign
"""

_MAILED: Final = """
SELECT e.happened_at AS at, e.kind AS event, i.campaign, e.invitation,
  i.typed_address AS address, e.attempt, e.detail
FROM invitation i
JOIN mail_event e ON (e.account, e.invitation) = (i.account, i.id)
WHERE i.account = $1 AND i.task = $2
ORDER BY e.happened_at, e.id
"""

_ANSWERED: Final = """
SELECT v.answered_at AS at, a.campaign, v.invitation, v.version, v.rating, v.reasons, v.comment,
  v.not_me, v.call_back
FROM answer a
JOIN answer_version v ON (v.account, v.invitation) = (a.account, a.invitation)
WHERE a.account = $1 AND a.task = $2
ORDER BY v.answered_at, v.version
"""


async def task_timeline(tx: Tx, task: UUID) -> list[Entry]:
    """What happened to a task; of one moment, facts come before what followed from them."""
    entries = [
        *[Moved(**row) for row in await tx.fetch(_MOVED, tx.account, task)],
        *[DecisionMade(**row) for row in await tx.fetch(_DECIDED, tx.account, task)],
        *[Mailed(**row) for row in await tx.fetch(_MAILED, tx.account, task)],
        *[Answered(**row) for row in await tx.fetch(_ANSWERED, tx.account, task)],
    ]
    return sorted(entries, key=lambda entry: entry.at)
