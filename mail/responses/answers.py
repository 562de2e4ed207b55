"""The survey behind the link of a mail: opened for its page, and answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import asyncpg
import msgspec
from msgspec import Struct

from mail.campaigns.asked import asked
from mail.campaigns.definition import Content
from mail.campaigns.formats import decode_content, decode_rules
from mail.campaigns.questions import FurtherQuestion
from mail.i18n import locale_of
from mail.positions import ADVANCE
from mail.recall import spare_answered
from mail.responses.follow_ups import update_follow_ups
from mail.responses.recording import Author, Recorded, Theirs, Value, decode_body, record
from mail.responses.submission import Form, Submission
from mail.states import Purpose
from rules.timing import parse_delay, visited_at
from sync.database import Tx, run, tx
from sync.tokens import digest, referred

#: The actor of follow-ups in the audit: the holder of the survey's link.
CUSTOMER: Final = "customer"


class Visit(Struct, frozen=True):
    """The visit that a survey is about.

    `moment`: of its transition, UTC. `type_name`, `type_names`: of the task's type, the latter by
    language. `place`, `address`: of the location, None if the task has none.
    """

    moment: datetime
    type_name: str
    type_names: Mapping[str, str]
    place: str | None
    address: str | None


class CurrentAnswer(Struct, frozen=True):
    """The current answer; `version` counts from 1. `rating` may be None with `not_me`.

    `further`: by the keys of the other questions; without those that were left empty. `is_called`:
    the call that was asked for was handled.
    """

    version: int
    rating: int | None
    reasons: list[str]
    comment: str
    further: Mapping[str, Value]
    not_me: bool
    call_back: bool
    phone: str
    is_called: bool
    answered_at: datetime


class Survey(Struct, frozen=True):
    """An open survey of `account`, as the page shows it.

    `content`: of the pinned version. `questions`: those that follow the leading one, whatever was
    rated. `language`: the customer's locale; `account_language`: for texts that are missing in it.
    `zone`: IANA, of the location, else of the account. `visit`: None if it is relational. `phone`:
    of whom the mail went to, empty if not known. `deadline`: until when it can be answered, UTC;
    None while it is not known that the mail was sent. `answered_elsewhere`: when whoever reads
    another address that it was sent to answered, UTC; what that was is theirs.
    """

    account: int
    company: str
    content: Content
    questions: Sequence[FurtherQuestion]
    language: str
    account_language: str
    zone: str
    visit: Visit | None
    phone: str
    deadline: datetime | None
    answer: CurrentAnswer | None
    answered_elsewhere: datetime | None = None

    @property
    def form(self) -> Form:
        """What it asks."""
        return Form(self.content.lead, self.questions, self.zone)


class Closed(Struct, frozen=True, tag=True):
    """The link is unknown, expired or closed; nothing was stored."""


class Invalid(Struct, frozen=True, tag=True):
    """These fields (`Form.invalid_fields`) are not valid; nothing was stored."""

    fields: list[str]


SubmitResult: TypeAlias = Recorded | Closed | Invalid | Theirs


#: The contact of a further mail that went to another address than the first.
_READER: Final = """(
  SELECT r.id FROM contact r
  WHERE r.account = l.account AND r.id = l.contact AND r.address IS DISTINCT FROM i.address
)"""

#: Whether the task was closed or cancelled by a later step than the one that asked.
_IS_OVER: Final = """
coalesce(j.state_transition IS DISTINCT FROM i.transition AND (
  SELECT kind FROM state WHERE account = j.account AND code = j.state
) IN ('closed', 'cancelled'), false) AS is_over"""

_READ_SURVEY: Final = f"""
SELECT w.contact IS DISTINCT FROM {_READER} AS is_theirs, {_IS_OVER},
  i.id, i.task, i.deadline, coalesce(i.language, a.language) AS language,
  v.content, v.rules, v.format, t.moment, i.due, i.manual,
  a.name AS company, a.language AS account_language,
  coalesce(p.zone, a.zone) AS zone,
  k.name AS type_name, k.names AS type_names, p.name AS place, p.address,
  w.versions AS version, w.not_me, w.call_back, coalesce(w.phone, '') AS phone, w.answered_at,
  f.closed_by IS NOT NULL AS is_called,
  CASE WHEN l.contact IS NULL THEN
    CASE i.address_field WHEN 'customer' THEN c.phone WHEN 'location' THEN p.phone END
  END AS known_phone,
  b.body
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
LEFT JOIN transition t ON (t.account, t.id) = (i.account, i.transition)
LEFT JOIN task j ON (j.account, j.id) = (i.account, i.task)
LEFT JOIN task_type k ON (k.account, k.id) = (t.account, t.type)
LEFT JOIN location p ON (p.account, p.id) = (j.account, j.location)
LEFT JOIN customer c ON (c.account, c.id) = (i.account, i.customer)
LEFT JOIN answer w ON (w.account, w.invitation) = (i.account, i.id)
LEFT JOIN follow_up f
  ON (f.account, f.invitation, f.kind) = (w.account, w.invitation, 'call_back')
LEFT JOIN answer_version b
  ON (b.account, b.invitation, b.version) = (w.account, w.invitation, w.versions)
WHERE l.account = $1 AND l.token_hash = $2
  AND (i.deadline IS NULL OR i.deadline > $3)
"""  # noqa: S608 - our own text

_FIND_SURVEY: Final = f"""
SELECT i.id, {_READER} AS reader, {_IS_OVER},
  v.content, v.format, coalesce(i.language, a.language) AS language, a.zone,
  coalesce(p.zone, a.zone) AS zone_there,
  (SELECT purpose FROM outbox WHERE account = $1 AND invitation = i.id LIMIT 1) AS queued
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
LEFT JOIN task j ON (j.account, j.id) = (i.account, i.task)
LEFT JOIN location p ON (p.account, p.id) = (j.account, j.location)
WHERE l.account = $1 AND l.token_hash = $2
  AND (i.deadline IS NULL OR i.deadline > $3)
"""  # noqa: S608 - our own text

_QUEUE_ROLLUP: Final = """
INSERT INTO rollup_change (account, invitation, changed_at, attempts, not_before)
VALUES ($1, $2, $3, 0, $3)
ON CONFLICT (account, invitation) DO UPDATE SET changed_at = excluded.changed_at,
  attempts = 0, not_before = excluded.not_before, quarantined_at = NULL, error = NULL
"""


async def open_survey(token: str) -> Survey | None:
    """Return the survey of a link; None if it is unknown, malformed, expired or closed.

    These cases take the same time, so that a guess learns nothing from it.
    """
    ref = referred(token)
    async with tx(ref.account) as opened:
        row = await opened.fetchrow(_READ_SURVEY, ref.account, digest(ref.hash), opened.now)
    if row is None:
        return None
    content = decode_content(row["content"], row["format"])
    if row["is_over"] and content.page.closes_with_task:
        return None
    visit = None
    if row["task"] is not None:
        rules = decode_rules(row["rules"], row["format"])
        is_elapsed = not row["manual"] and rules.delay_in == "elapsed"
        delay = parse_delay(rules.delay) if is_elapsed else None
        visit = Visit(
            moment=visited_at(row["moment"], row["due"], delay),
            type_name=row["type_name"],
            type_names=msgspec.json.decode(row["type_names"], type=dict[str, str]),
            place=row["place"],
            address=row["address"],
        )
    is_answered, is_theirs = row["version"] is not None, row["is_theirs"]
    return Survey(
        account=ref.account,
        company=row["company"],
        content=content,
        questions=asked(content, row["id"]),
        language=row["language"],
        account_language=row["account_language"],
        zone=row["zone"],
        visit=visit,
        phone=row["known_phone"] or "",
        deadline=row["deadline"],
        answer=_current(row) if is_answered and not is_theirs else None,
        answered_elsewhere=row["answered_at"] if is_answered and is_theirs else None,
    )


def _current(row: asyncpg.Record) -> CurrentAnswer:
    body = decode_body(row["body"])
    return CurrentAnswer(
        version=row["version"],
        rating=body.lead.value,
        reasons=body.lead.choices,
        comment=body.lead.text,
        further=body.further,
        not_me=row["not_me"],
        call_back=row["call_back"],
        phone=row["phone"],
        is_called=row["is_called"],
        answered_at=row["answered_at"],
    )


async def submit(token: str, submission: Submission) -> SubmitResult:
    """Record an answer. The same answer again changes nothing, another one is a new version.

    A reminder that waits does not go any more, unless its content is being sent.
    After `Recorded(changed=True)` the caller rings for the job `rollup`.
    """
    ref = referred(token)

    async def work(tx: Tx) -> SubmitResult:
        row = await tx.fetchrow(_FIND_SURVEY, ref.account, digest(ref.hash), tx.now)
        if row is None:
            return Closed()
        content = decode_content(row["content"], row["format"])
        if row["is_over"] and content.page.closes_with_task:
            return Closed()
        form = Form(content.lead, asked(content, row["id"]), row["zone_there"])
        if fields := form.invalid_fields(submission):
            return Invalid(fields)
        if row["queued"] == Purpose.REMINDER:
            await spare_answered(tx, row["id"])
        body = form.body_of(submission, locale_of(submission.language, row["language"]))
        sentiment = form.lead.sentiment(submission.rating)
        author = Author(row["id"], row["reader"])
        stored = await record(tx, author, body, sentiment, row["zone"], form.kept(submission))
        if isinstance(stored, Theirs):
            return stored
        recorded, body, last = stored
        if recorded.changed:
            before = None if last is None else (last, form.lead.sentiment(last.lead.value))
            await update_follow_ups(tx, row["id"], body, sentiment, before)
            await tx.execute(_QUEUE_ROLLUP, tx.account, row["id"], tx.now)
            tx.last.add(ADVANCE)
        return recorded

    return await run(ref.account, work, CUSTOMER)
