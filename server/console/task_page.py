"""The page of a task: its fields, its answers and its timeline."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail.campaigns.formats import decode_content
from mail.responses.answer_body import LEAD
from server.console.outcome import JOINS, Score, Survey, score_of, survey_of
from server.console.state_labels import StateChip, chip, named
from server.console.timeline import TimelineView, labels, read_timeline_view
from server.http.problems import NotFoundError
from server.timeline.pages import Window
from server.web.times import Clock
from sync.database import Tx
from sync.validation import in_one_line

#: How many answers are shown with the result; the timeline has all of them.
MOST_ANSWERS: Final = 5
#: The survey of a task without invitation or decision.
NOT_ASKED: Final = Survey("none")


class AnswerShown(Struct, frozen=True, kw_only=True):
    """The latest version of an answer. `who`: the address; `technician`: who visited."""

    who: str | None
    at: datetime
    technician: str
    rating: int | None
    reasons: list[str]
    comment: str
    call_back: bool
    not_me: bool


class TaskPage(Struct, frozen=True, kw_only=True):
    """Everything on a task's page. `survey`: why there is no answer, where there is none.

    `answers`: the latest `MOST_ANSWERS` of `answer_count` answers.
    """

    id: UUID
    title: str
    number: str | None
    type: str
    state: StateChip
    changed: datetime
    customer: str | None
    customer_email: str | None
    place: str | None
    address: str | None
    technician: str | None
    unit: str
    scheduled: datetime | None
    priority: str | None
    reason: str | None
    tags: list[str]
    survey: Survey
    result: Score | None
    answers: list[AnswerShown]
    answer_count: int
    timeline: TimelineView


_TASK: Final = (
    """
SELECT t.*, s.name AS state_name, s.names AS state_names, s.kind AS state_kind,
  y.name AS type_name, y.names AS type_names, n.name AS unit_name, u.name AS technician_name,
  c.name AS customer_name, c.email AS customer_email, l.address,
  CASE WHEN l.name = c.name THEN l.address ELSE l.name END AS place_name,
  r.lead_mean, r.answers, r.negative,
  i.status, i.release, i.sent_at, i.reason AS survey_reason, a.answered_at, a.not_me, d.outcome
FROM task t
JOIN unit n ON n.account = t.account AND n.id = t.unit
LEFT JOIN customer c ON c.account = t.account AND c.id = t.customer
LEFT JOIN location l ON l.account = t.account AND l.id = t.location
"""
    + JOINS
    + "WHERE t.id = $1"
)

_ANSWERS: Final = """
SELECT a.answered_at, a.call_back, a.not_me, v.value, v.choices, v.text, i.typed_address,
  u.name AS technician, w.content, w.format, count(*) OVER () AS answer_count
FROM answer a
JOIN answer_value v
  ON v.account = a.account AND v.invitation = a.invitation AND v.question = $3
JOIN invitation i ON i.account = a.account AND i.id = a.invitation
JOIN app_user u ON u.account = i.account AND u.id = i.technician
JOIN campaign_version w
  ON w.account = a.account AND w.campaign = a.campaign AND w.version = a.version
WHERE a.task = $1
ORDER BY a.answered_at DESC LIMIT $2
"""


async def read_task(tx: Tx, task: UUID, clock: Clock, language: str, window: Window) -> TaskPage:
    """The page of `task`, with names in `language` where they have one; `window`: of its timeline.

    :raises NotFoundError: this account has no such task.
    """
    row = await tx.fetchrow(_TASK, task)
    if row is None:
        raise NotFoundError
    answers = await tx.fetch(_ANSWERS, task, MOST_ANSWERS, LEAD)
    return TaskPage(
        id=row["id"],
        title=row["title"],
        number=row["external_id"],
        type=named(row["type_name"], row["type_names"], language),
        state=chip(row, language),
        changed=row["state_moment"],
        customer=row["customer_name"],
        customer_email=row["customer_email"],
        place=in_one_line(row["place_name"]) or None,
        address=in_one_line(row["address"]) or None,
        technician=row["technician_name"],
        unit=row["unit_name"],
        scheduled=row["scheduled_at"],
        priority=row["priority"],
        reason=row["reason"],
        tags=row["tags"],
        survey=survey_of(row) or NOT_ASKED,
        result=score_of(row),
        answers=[_answer(answer, language) for answer in answers],
        answer_count=answers[0]["answer_count"] if answers else 0,
        timeline=await read_timeline_view(tx, task, clock, language, window),
    )


def _answer(row: asyncpg.Record, language: str) -> AnswerShown:
    content = decode_content(row["content"], row["format"])
    return AnswerShown(
        who=row["typed_address"],
        at=row["answered_at"],
        technician=row["technician"],
        rating=row["value"],
        reasons=labels(content, row["choices"], language),
        comment=row["text"],
        call_back=row["call_back"],
        not_me=row["not_me"],
    )
