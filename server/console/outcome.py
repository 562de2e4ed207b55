"""What became of asking about a task, as the list and the task's own page show it."""

from datetime import datetime
from typing import Final

import asyncpg
from msgspec import Struct

from mail.states import Status

#: Around a task `t`: words for its codes, its latest invitation and decision, and its result.
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
    """What became of the task's latest survey; `reason` where none was sent."""

    code: str
    at: datetime | None = None
    reason: str | None = None


class Score(Struct, frozen=True):
    """The mean of a task's answers, always with their number."""

    mean: float
    answers: int
    negative: bool

    @property
    def stars(self) -> int:
        """The mean as full stars."""
        return round(self.mean)

    @property
    def tone(self) -> str:
        """How good that is."""
        return "negative" if self.negative else "positive"


def survey_of(record: asyncpg.Record) -> Survey | None:
    """What became of a task's latest invitation, else what was decided, else None."""
    if record["answered_at"] is not None:
        return Survey("answered", record["answered_at"])
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
    """The roll-up of a task's answers, or None while there is none."""
    if record["lead_mean"] is None:
        return None
    return Score(float(record["lead_mean"]), record["answers"], record["negative"])
