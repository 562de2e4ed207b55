"""A task's result and all that happened to it, as data: ids and codes, no words."""

from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from sync import history
from sync.database import Tx
from sync.history import OpenItem, TransitionRecord


class TransitionEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="transition"):
    """The task entered `state` at `at` (corrected); `device_moment`: by the device's clock.

    `survey_reason`: why the survey was unticked. `by`: the dispatcher who told it in the
    technician's place. `accepted_by`: who accepted it after it had been refused.
    """

    at: datetime
    id: UUID
    state: str
    technician: UUID
    device: UUID | None
    device_moment: datetime
    received_at: datetime
    sequence: int
    note: str | None
    survey: bool
    email: str | None
    unexpected: bool
    survey_reason: str | None
    by: UUID | None
    accepted_by: UUID | None


class DecisionEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="decision"):
    """What a campaign decided on a transition: `scheduled`, or why nobody is asked."""

    at: datetime
    campaign: UUID
    campaign_name: str
    transition: UUID
    outcome: str
    release: datetime | None


class MailEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="mail"):
    """What happened to an invitation. `detail`: a reason, or what the mail server said."""

    at: datetime
    event: str
    campaign: UUID
    campaign_name: str
    invitation: UUID
    address: str | None
    attempt: int
    detail: str | None


class AnswerEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="answer"):
    """A version of what the customer said, in the words of the campaign's version."""

    at: datetime
    campaign: UUID
    campaign_version: int
    invitation: UUID
    version: int
    rating: int | None
    reasons: list[str]
    comment: str
    not_me: bool
    call_back: bool
    language: str


class OpenEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="open"):
    """A transition that was refused, or is parked until its task is known."""

    at: datetime
    id: UUID
    verdict: Literal["refused", "parked"]
    reason: str | None
    state: str
    technician: UUID
    device: UUID | None
    moment: datetime


Entry: TypeAlias = TransitionEntry | DecisionEntry | MailEntry | AnswerEntry | OpenEntry


class TaskResult(Struct, frozen=True, kw_only=True):
    """The roll-up of a task's answers."""

    answers: int
    rating_mean: float | None
    rating_last: int | None
    negative: bool
    comments: int
    call_back: bool
    answered_at: datetime | None


_DECISIONS: Final = """
SELECT d.decided_at AS at, d.campaign, c.name AS campaign_name, d.transition, d.outcome, d.release
FROM decision d
JOIN campaign c ON c.account = d.account AND c.id = d.campaign
JOIN transition n ON n.account = d.account AND n.id = d.transition
WHERE d.account = $1 AND d.task = $2
ORDER BY d.decided_at, n.moment, n.sequence, n.id
"""
_MAILS: Final = """
SELECT e.happened_at AS at, e.kind AS event, i.campaign, c.name AS campaign_name, e.invitation,
  i.typed_address AS address, e.attempt, e.detail
FROM invitation i
JOIN mail_event e ON e.account = i.account AND e.invitation = i.id
JOIN campaign c ON c.account = i.account AND c.id = i.campaign
WHERE i.account = $1 AND i.task = $2 ORDER BY e.id
"""
_ANSWERS: Final = """
SELECT v.answered_at AS at, a.campaign, a.version AS campaign_version, v.invitation,
  v.version, v.rating, v.reasons, v.comment, v.not_me, v.call_back, v.language
FROM answer a
JOIN answer_version v ON v.account = a.account AND v.invitation = a.invitation
WHERE a.account = $1 AND a.task = $2
ORDER BY v.answered_at, v.version
"""
_RESULT: Final = """
SELECT answers, rating_mean::float8 AS rating_mean, rating_last, negative, comments, call_back,
  answered_at
FROM task_result WHERE account = $1 AND task = $2
"""

#: What of the same moment is told first.
_RANKS: Final = (TransitionEntry, OpenEntry, DecisionEntry, MailEntry, AnswerEntry)


async def read_result(opened: Tx, task: UUID) -> TaskResult | None:
    """The roll-up, or None while there is no answer or it was not rolled up yet."""
    row = await opened.fetchrow(_RESULT, opened.account, task)
    return None if row is None else TaskResult(**row)


async def read_timeline(opened: Tx, task: UUID) -> list[Entry]:
    """All that happened to `task`, earliest first; transitions stay in their true order."""
    transitions = await history.transitions_of(opened, task)
    items = await history.open_items_of_task(opened, task)
    entries: list[Entry] = [
        *(_transition(record) for record in transitions),
        *(_open(item) for item in items),
        *(DecisionEntry(**row) for row in await opened.fetch(_DECISIONS, opened.account, task)),
        *(MailEntry(**row) for row in await opened.fetch(_MAILS, opened.account, task)),
        *(AnswerEntry(**row) for row in await opened.fetch(_ANSWERS, opened.account, task)),
    ]
    return sorted(entries, key=lambda entry: (entry.at, _RANKS.index(type(entry))))


def _transition(record: TransitionRecord) -> TransitionEntry:
    return TransitionEntry(
        at=record.moment,
        id=record.id,
        state=record.state,
        technician=record.technician,
        device=record.device,
        device_moment=record.device_moment,
        received_at=record.received_at,
        sequence=record.sequence,
        note=record.note,
        survey=record.survey,
        email=record.email,
        unexpected=record.unexpected,
        survey_reason=record.survey_reason,
        by=record.by,
        accepted_by=record.accepted_by,
    )


def _open(item: OpenItem) -> OpenEntry:
    return OpenEntry(
        at=item.received_at,
        id=item.id,
        verdict="refused" if item.verdict == "refused" else "parked",
        reason=item.reason,
        state=item.state,
        technician=item.technician,
        device=item.device,
        moment=item.moment,
    )
