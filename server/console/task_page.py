"""The page of a task: its fields, its answers and its timeline."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail.campaigns.formats import decode_content
from mail.responses.partials import UnsentRating, read_unsent
from mail.responses.recording import decode_body
from server.console.answers_shown import Said, read_said
from server.console.consequences import Consequence, read_consequence
from server.console.outcome import JOINS, Score, Survey, score_of, survey_of
from server.console.rounds import RoundShown, read_round_results
from server.console.sends import read_reminder
from server.console.shown_entries import TimelineView
from server.console.state_labels import StateChip, chip, named
from server.console.timeline import read_timeline_view
from server.http.problems import NotFoundError
from server.timeline.pages import Window
from server.web.times import Clock
from sync.database import Tx
from sync.feed.dialling import call_link
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
    said: Said
    not_me: bool


class Phone(Struct, frozen=True):
    """A phone number as typed, and its tel: URI; None where no number is in it."""

    text: str
    link: str | None


class Party(Struct, frozen=True, kw_only=True):
    """The customer or the place, and how to reach them; `name`: None where there is none."""

    name: str | None
    address: str | None = None
    email: str | None
    phone: Phone | None


class TaskPage(Struct, frozen=True, kw_only=True):
    """Everything on a task's page. `survey`: why there is no answer, where there is none.

    `invitation`: its latest survey's. `reminder`: of that survey, if one waits. `consequence`: what
    the step that was just recorded led to.

    `unsent`: a rating that was chosen on the page of a survey and not sent. `answers`: the latest
    `MOST_ANSWERS` of `answer_count` answers. `rounds`: all of the task's.
    """

    id: UUID
    title: str
    number: str | None
    type: str
    state: StateChip
    created: datetime
    has_moved: bool
    changed: datetime
    customer: Party
    place: Party
    contact_email: str | None
    technician: str | None
    unit: str
    scheduled: datetime | None
    priority: str | None
    reason: str | None
    tags: list[str]
    survey: Survey
    invitation: UUID | None
    reminder: Survey | None
    consequence: Consequence
    result: Score | None
    unsent: UnsentRating | None
    answers: list[AnswerShown]
    answer_count: int
    rounds: list[RoundShown]
    timeline: TimelineView


_TASK: Final = (
    """
SELECT t.*, s.name AS state_name, s.names AS state_names, s.kind AS state_kind,
  y.name AS type_name, y.names AS type_names, n.name AS unit_name, u.name AS technician_name,
  c.name AS customer_name, c.email AS customer_email, c.phone AS customer_phone,
  l.address, l.email AS location_email, l.phone AS location_phone, l.zone AS location_zone,
  CASE WHEN l.name = c.name THEN l.address ELSE l.name END AS place_name,
  r.lead_kind, r.lead_mean, r.answers, r.negative,
  i.id AS invitation, i.status, i.release, i.sent_at, i.reason AS survey_reason, a.answered_at,
  a.not_me, d.outcome, d.choice
FROM task t
JOIN unit n ON n.account = t.account AND n.id = t.unit
LEFT JOIN customer c ON c.account = t.account AND c.id = t.customer
LEFT JOIN location l ON l.account = t.account AND l.id = t.location
"""
    + JOINS
    + "WHERE t.id = $1"
)

_ANSWERS: Final = """
SELECT a.answered_at, a.not_me, v.body, i.typed_address,
  u.name AS technician, w.content, w.format, count(*) OVER () AS answer_count
FROM answer a
JOIN answer_version v
  ON v.account = a.account AND v.invitation = a.invitation AND v.version = a.versions
JOIN invitation i ON i.account = a.account AND i.id = a.invitation
JOIN app_user u ON u.account = i.account AND u.id = i.technician
JOIN campaign_version w
  ON w.account = a.account AND w.campaign = a.campaign AND w.version = a.version
WHERE a.task = $1
ORDER BY a.answered_at DESC LIMIT $2
"""


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be read of a task: names in `language`, the `window` of its timeline.

    `zone`: the account's, whose country phone numbers are of. `recorded`: the step to give the
    consequence of. `mail_from`: the sender of campaigns that name none.
    """

    task: UUID
    language: str
    zone: str
    window: Window
    recorded: UUID | None
    mail_from: str


async def read_task(tx: Tx, clock: Clock, wanted: Wanted) -> TaskPage:
    """The page of a task.

    :raises NotFoundError: this account has no such task.
    """
    task, language = wanted.task, wanted.language
    if (row := await tx.fetchrow(_TASK, task)) is None:
        raise NotFoundError
    stored = survey_of(row)
    consequence = await read_consequence(tx, wanted.mail_from, task, stored, wanted.recorded)
    answers = await tx.fetch(_ANSWERS, task, MOST_ANSWERS)
    return TaskPage(
        id=row["id"],
        title=row["title"],
        number=row["external_id"],
        type=named(row["type_name"], row["type_names"], language),
        state=chip(row, language),
        created=row["created_at"],
        has_moved=row["state_transition"] is not None,
        changed=row["state_moment"],
        customer=_customer(row, wanted.zone),
        place=_place(row, wanted.zone),
        contact_email=row["contact_email"],
        technician=row["technician_name"],
        unit=row["unit_name"],
        scheduled=row["scheduled_at"],
        priority=row["priority"],
        reason=row["reason"],
        tags=row["tags"],
        survey=consequence.survey or NOT_ASKED,
        invitation=row["invitation"],
        reminder=await read_reminder(tx, wanted.mail_from, stored),
        consequence=consequence,
        result=score_of(row),
        unsent=await read_unsent(tx, task),
        answers=[_answer(answer, language) for answer in answers],
        answer_count=answers[0]["answer_count"] if answers else 0,
        rounds=await read_round_results(tx, wanted.mail_from, task),
        timeline=await read_timeline_view(tx, task, clock, language, wanted.window),
    )


def _customer(row: asyncpg.Record, zone: str) -> Party:
    phone = _phone(row["customer_phone"], row["location_zone"] or zone)
    return Party(name=row["customer_name"], email=row["customer_email"], phone=phone)


def _place(row: asyncpg.Record, zone: str) -> Party:
    return Party(
        name=in_one_line(row["place_name"]) or None,
        address=in_one_line(row["address"]) or None,
        email=row["location_email"],
        phone=_phone(row["location_phone"], row["location_zone"] or zone),
    )


def _phone(text: str | None, zone: str) -> Phone | None:
    return Phone(text, call_link(text, zone)) if text else None


def _answer(row: asyncpg.Record, language: str) -> AnswerShown:
    content = decode_content(row["content"], row["format"])
    return AnswerShown(
        who=row["typed_address"],
        at=row["answered_at"],
        technician=row["technician"],
        said=read_said(content, decode_body(row["body"]).values, language),
        not_me=row["not_me"],
    )
