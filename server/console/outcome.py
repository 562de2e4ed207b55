"""A task's survey and score, as the list and the task's own page show them."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail.campaigns.calendar import Moved
from mail.states import Status
from server.console.answers_shown import Rating
from sync.database import Tx

#: Joins for a task `t`: state, type, technician, result, latest invitation, answer and decision. A
#: decision of `not_first` says nothing of why the first one asked nobody, so others come before.
JOINS: Final = """
JOIN state s ON s.account = t.account AND s.code = t.state
JOIN task_type y ON y.account = t.account AND y.id = t.type
LEFT JOIN app_user u ON u.account = t.account AND u.id = t.technician
LEFT JOIN task_result r ON r.account = t.account AND r.task = t.id
LEFT JOIN LATERAL (
  SELECT * FROM invitation WHERE account = t.account AND task = t.id
  ORDER BY created_at DESC, id DESC LIMIT 1) i ON true
LEFT JOIN answer a ON a.invitation = i.id
LEFT JOIN LATERAL (
  SELECT outcome, CASE WHEN outcome = 'suppressed' THEN '/' || detail END AS choice
  FROM decision WHERE account = t.account AND task = t.id
  ORDER BY round DESC, outcome = 'not_first', decided_at DESC LIMIT 1) d ON true
"""


_SURVEY: Final = f"""
SELECT i.id AS invitation, i.status, i.reason AS survey_reason, i.release, i.sent_at, d.outcome,
  d.choice, a.answered_at, a.not_me
FROM task t {JOINS} WHERE t.account = $1 AND t.id = $2
"""  # noqa: S608 - our own text


class Survey(Struct, frozen=True):
    """The status of the task's latest survey.

    `code`: a status, `answered` or `none`; of a survey that waits, what becomes of it if nothing
    else happens: `scheduled`, `claimed`, `blocked`, `delayed` or `retrying`. `reason`: why none was
    or will be sent, or what it waits for. `address`: where it will go, as typed. `moved`: why that
    is later than it is ready.
    """

    code: str
    at: datetime | None = None
    reason: str | None = None
    invitation: UUID | None = None
    address: str | None = None
    moved: Moved | None = None


class Score(Struct, frozen=True):
    """The mean rating of a task's answers on the scale of the last, and how many answers it has."""

    mean: Rating
    answers: int
    negative: bool

    @property
    def tone(self) -> str:
        """The CSS class of the score."""
        return "negative" if self.negative else "positive"


async def read_stored_survey(tx: Tx, task: UUID) -> Survey | None:
    """The survey of `task` as it stands in the database; None where nothing was decided."""
    row = await tx.fetchrow(_SURVEY, tx.account, task)
    return None if row is None else survey_of(row)


def survey_of(record: asyncpg.Record) -> Survey | None:
    """The status of a task's latest invitation, else its latest decision, else None."""
    invitation = record["invitation"]
    if record["answered_at"] is not None:
        code = "disputed" if record["not_me"] else "answered"
        return Survey(code, record["answered_at"], invitation=invitation)
    match record["status"]:
        case None:
            return Survey("none", reason=record["outcome"]) if record["outcome"] else None
        case Status.SCHEDULED:
            return Survey("scheduled", record["release"], invitation=invitation)
        case Status.SENT:
            return Survey("sent", record["sent_at"], invitation=invitation)
        case status:
            reason = record["survey_reason"]
            if reason is not None and reason == record["outcome"]:
                reason += record["choice"] or ""
            return Survey(status, reason=reason, invitation=invitation)


def score_of(record: asyncpg.Record) -> Score | None:
    """The score of a task, or None while it has no result."""
    mean = Rating.of(record["lead_kind"], record["lead_mean"] and float(record["lead_mean"]))
    return None if mean is None else Score(mean, record["answers"], record["negative"])
