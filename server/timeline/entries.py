"""The entries of a task's timeline, and its result."""

from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from mail.campaigns.questions import QuestionKind
from mail.responses.recording import Value
from rules.questions.scales import Sentiment
from sync.database import Tx


class TransitionEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="transition"):
    """The task entered `state`. `at`: when it counts; `device_moment`: by the device's clock.

    `arrived_at`: when it was first received. `received_at`: when it was accepted, which is later
    for one that was refused or parked at first; `accepted_by`: who accepted it after a refusal.
    `survey_reason`: why the survey was unticked. `by`: the dispatcher who recorded it for the
    technician. `email`: an address captured in the field, as typed; `email_usable`: false where
    mail cannot be sent to it, so that it was not stored for the customer. `before_task`: it is
    older than the task's creation here.
    """

    at: datetime
    id: UUID
    state: str
    technician: UUID
    device: UUID | None
    device_moment: datetime
    arrived_at: datetime
    received_at: datetime
    sequence: int
    note: str | None
    survey: bool
    email: str | None
    email_usable: bool
    unexpected: bool
    survey_reason: str | None
    by: UUID | None
    accepted_by: UUID | None
    before_task: bool


class DecisionEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="decision"):
    """What a campaign decided on a transition: `scheduled`, or why nobody is asked.

    `choice`: of the person, where `suppressed` is one: `campaign` or `quarter`. `request_reason`:
    why somebody sent this survey by hand, null where nobody did; `requested_by`: the user, null for
    a program. `kept_back_by`: of one that is `muted` or `capped`, the survey that was in the way,
    with its task, the title of that, and when it was sent; null where that is not known any more.
    """

    at: datetime
    campaign: UUID
    campaign_name: str
    transition: UUID
    round: int
    outcome: str
    release: datetime | None
    choice: str | None
    requested_by: UUID | None
    request_reason: str | None
    kept_back_by: UUID | None
    kept_back_by_task: UUID | None
    kept_back_by_title: str | None
    kept_back_by_sent_at: datetime | None


class RoundEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="round"):
    """A new round was opened. `by`: the user, null for a program."""

    at: datetime
    round: int
    by: UUID | None
    reason: str


class MailEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="mail"):
    """What happened to an invitation's mail. `detail`: a reason, or the mail server's reply.

    `by`: the user who asked for it.
    """

    at: datetime
    event: str
    campaign: UUID
    campaign_name: str
    invitation: UUID
    address: str | None
    attempt: int
    detail: str | None
    by: UUID | None


class AnswerEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="answer"):
    """A version of an answer. `rating`: on the scale of `lead_kind`, by the leading question.

    `reasons`: codes of the campaign's version. `further`: answers to other questions, by their
    keys; what was left empty is not among them. `phone`: where to call back, as typed; empty where
    no call is asked for. `dropped`: how many versions between the previous entry's and this one are
    not stored.
    """

    at: datetime
    campaign: UUID
    campaign_version: int
    invitation: UUID
    version: int
    lead_kind: QuestionKind
    rating: int | None
    reasons: list[str]
    comment: str
    further: dict[str, Value]
    not_me: bool
    call_back: bool
    phone: str
    language: str
    dropped: int


class OpenEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="open"):
    """A transition that was refused, or is parked until its task exists.

    `dismissed_at`, `dismissed_by`, `dismissed_reason`: that a dispatcher has settled a refused one
    without accepting it.
    """

    at: datetime
    id: UUID
    verdict: Literal["refused", "parked"]
    reason: str | None
    state: str
    technician: UUID
    device: UUID | None
    moment: datetime
    dismissed_at: datetime | None
    dismissed_by: UUID | None
    dismissed_reason: str | None


Entry: TypeAlias = (
    TransitionEntry | DecisionEntry | MailEntry | AnswerEntry | OpenEntry | RoundEntry
)


class TaskResult(Struct, frozen=True, kw_only=True):
    """The result of a task: the roll-up of its answers.

    `rating_last`: the last answer's, on the scale of `lead_kind`, with its `sentiment`.
    `rating_mean`: of the answers on that scale. `nps`: the last likelihood to recommend, 0 to 10.
    """

    answers: int
    lead_kind: QuestionKind | None
    rating_mean: float | None
    rating_last: int | None
    sentiment: Sentiment | None
    nps: int | None
    negative: bool
    comments: int
    call_back: bool
    answered_at: datetime | None


_RESULT: Final = """
SELECT answers, lead_kind, lead_mean::float8 AS rating_mean, lead_value AS rating_last, sentiment,
  nps, negative, comments, call_back, answered_at
FROM task_result WHERE account = $1 AND task = $2
"""


async def read_result(opened: Tx, task: UUID) -> TaskResult | None:
    """The result of `task`, or None before the first roll-up of an answer."""
    row = await opened.fetchrow(_RESULT, opened.account, task)
    return None if row is None else TaskResult(**row)
