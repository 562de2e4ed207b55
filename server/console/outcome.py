"""A task's survey and score, as the list and the task's own page show them."""

from datetime import datetime
from typing import Final

import asyncpg
from msgspec import Struct

from mail.states import Status

#: Joins for a task `t`: state, type, technician, result, latest invitation, answer and decision.
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
  SELECT outcome FROM decision WHERE account = t.account AND task = t.id
  ORDER BY decided_at DESC LIMIT 1) d ON true
"""


class Survey(Struct, frozen=True):
    """The status of the task's latest survey; `reason`: why none was sent."""

    code: str
    at: datetime | None = None
    reason: str | None = None


class Score(Struct, frozen=True):
    """The mean rating of a task's answers, and how many answers there are."""

    mean: float
    answers: int
    negative: bool

    @property
    def stars(self) -> int:
        """The mean rounded to whole stars."""
        return round(self.mean)

    @property
    def tone(self) -> str:
        """The CSS class of the score."""
        return "negative" if self.negative else "positive"


def survey_of(record: asyncpg.Record) -> Survey | None:
    """The status of a task's latest invitation, else its latest decision, else None."""
    if record["answered_at"] is not None:
        return Survey("disputed" if record["not_me"] else "answered", record["answered_at"])
    match record["status"]:
        case None:
            return Survey("none", reason=record["outcome"]) if record["outcome"] else None
        case Status.SCHEDULED:
            return Survey("scheduled", record["release"])
        case Status.SENT:
            return Survey("sent", record["sent_at"])
        case status:
            return Survey(status, reason=record["survey_reason"])


def score_of(record: asyncpg.Record) -> Score | None:
    """The score of a task, or None while it has no result."""
    if record["lead_mean"] is None:
        return None
    return Score(float(record["lead_mean"]), record["answers"], record["negative"])
