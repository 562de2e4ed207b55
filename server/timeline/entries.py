"""A task's result and all that happened to it, as data: ids and codes, no words."""

from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct

from sync.database import Tx


class TransitionEntry(Struct, frozen=True, kw_only=True, tag_field="kind", tag="transition"):
    """The task entered `state` at `at`, when it counts; `device_moment`: by the device's clock.

    `survey_reason`: why the survey was unticked. `by`: the dispatcher who told it in the
    technician's place. `accepted_by`: who accepted it after it had been refused. `email`: an
    address taken in the field, as typed; `email_usable`: false where no mail can go there, so that
    no customer got it. `before_task`: it is older than the task here.
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
    email_usable: bool
    unexpected: bool
    survey_reason: str | None
    by: UUID | None
    accepted_by: UUID | None
    before_task: bool


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
    """A version of what the customer said, in the words of the campaign's version.

    `dropped`: how many versions between the one before and this are not kept.
    """

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
    dropped: int


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


_RESULT: Final = """
SELECT answers, lead_mean::float8 AS rating_mean, lead_value AS rating_last, negative, comments,
  call_back, answered_at
FROM task_result WHERE account = $1 AND task = $2
"""


async def read_result(opened: Tx, task: UUID) -> TaskResult | None:
    """The roll-up, or None while there is no answer or it was not rolled up yet."""
    row = await opened.fetchrow(_RESULT, opened.account, task)
    return None if row is None else TaskResult(**row)
