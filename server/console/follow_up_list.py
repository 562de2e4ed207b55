"""Follow-ups as the console shows them: what customers asked for and nobody has handled yet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.cache import pinned
from mail.responses.follow_ups import KINDS, LONGEST_NOTE, FollowUpKind
from mail.responses.recording import decode_body
from server.console.answers_shown import Said, read_said
from server.console.list_query import read_after, write_after
from server.console.nav_counts import MOST_COUNTED
from server.http.problems import NotFoundError
from server.http.text_limit import fitting, size_in_page
from sync.database import Tx
from sync.feed.dialling import call_link
from sync.validation import in_one_line

SCREENFUL: Final = 25
FIRST_ID: Final = UUID(int=0)
LAST_ID: Final = UUID(int=2**128 - 1)

#: What the page lists: what is open of one kind, or what was handled.
Show: TypeAlias = FollowUpKind | Literal["handled"]
SHOWN: Final[tuple[Show, ...]] = (*KINDS, "handled")


class WorkQuery(Struct, frozen=True):
    """The parameters of the URL. `show`: None for the first kind of which anything is open.

    `after`: moment and id of the last row of the page before. `handled`: what was just closed.
    """

    show: Show | None = None
    after: tuple[datetime, UUID] | None = None
    handled: UUID | None = None


class FollowUp(Struct, frozen=True, kw_only=True):
    """One follow-up. `version`: of the answer that it is about. `task`: None without a visit.

    `phone`, `dial`: the number as typed, and its tel: link. `closed`: when, `by`: who closed it,
    empty where the customer did not ask for it any more. `is_negative`: of a call that closes the
    negative answer, which is open, with it.
    """

    id: UUID
    kind: FollowUpKind
    opened: datetime
    version: int
    task: UUID | None
    title: str
    number: str | None
    customer: str
    said: Said
    phone: str
    dial: str | None
    is_negative: bool
    closed: datetime | None
    by: str
    note: str


class WorkList(Struct, frozen=True, kw_only=True):
    """A page of follow-ups. `counts`: open ones by kind. `more`: the URL of the next, or empty."""

    show: Show
    counts: Mapping[str, int]
    rows: list[FollowUp]
    more: str


class Mark(Struct, frozen=True):
    """An open follow-up of a task, for its row in the list."""

    kind: FollowUpKind
    phone: str
    dial: str | None


class Typed(Struct, frozen=True, kw_only=True):
    """The form of a follow-up as it was sent; `wrong`: `note`, or why it was not closed.

    `is_kept`: it was sent after the session had ended.
    """

    note: str = ""
    wrong: str = ""
    is_kept: bool = False
    longest: int = LONGEST_NOTE


_COLUMNS: Final = """
SELECT f.id, f.kind, f.opened_at, f.note, f.closed_at, u.name AS closed_by,
  a.task, a.campaign, a.version AS campaign_version, a.versions, a.phone,
  v.body, t.title, t.external_id AS number,
  coalesce(c.name, i.typed_address, '') AS customer, coalesce(p.zone, n.zone) AS zone,
  f.kind = 'call_back' AND EXISTS (
    SELECT FROM follow_up o WHERE (o.account, o.invitation) = (f.account, f.invitation)
    AND o.kind = 'negative' AND o.status <> 'closed') AS is_negative
FROM follow_up f
JOIN account n ON n.account = f.account
JOIN answer a ON (a.account, a.invitation) = (f.account, f.invitation)
JOIN answer_version v
  ON (v.account, v.invitation, v.version) = (a.account, a.invitation, a.versions)
JOIN invitation i ON (i.account, i.id) = (f.account, f.invitation)
LEFT JOIN task t ON (t.account, t.id) = (a.account, a.task)
LEFT JOIN location p ON (p.account, p.id) = (t.account, t.location)
LEFT JOIN customer c ON (c.account, c.id) = (f.account, coalesce(i.customer, t.customer))
LEFT JOIN app_user u ON (u.account, u.id) = (f.account, f.closed_by)
"""
_OPEN: Final = (
    _COLUMNS
    + """
WHERE f.account = $1 AND f.status <> 'closed' AND f.kind = $5
  AND (f.opened_at, f.id) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::uuid, $6))
ORDER BY f.opened_at, f.id LIMIT $4
"""
)
_HANDLED: Final = (
    _COLUMNS
    + """
WHERE f.account = $1 AND f.closed_by IS NOT NULL
  AND (f.closed_at, f.id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, $5))
ORDER BY f.closed_at DESC, f.id DESC LIMIT $4
"""
)
_ONE: Final = _COLUMNS + "WHERE f.account = $1 AND f.id = $2"
_OF_TASK: Final = (
    _COLUMNS
    + """
WHERE f.account = $1 AND a.account = $1 AND a.task = $2
ORDER BY f.status = 'closed', f.opened_at DESC, f.id LIMIT $3
"""
)
_COUNTS: Final = """
SELECT wanted.kind, (SELECT count(*) FROM (
  SELECT FROM follow_up WHERE account = $1 AND status <> 'closed' AND kind = wanted.kind LIMIT $3
) AS counted) AS count
FROM unnest($2::text[]) AS wanted (kind)
"""
_MARKS: Final = """
SELECT a.task, f.kind, a.phone, coalesce(p.zone, n.zone) AS zone
FROM answer a
JOIN account n ON n.account = a.account
JOIN follow_up f ON (f.account, f.invitation) = (a.account, a.invitation)
JOIN task t ON (t.account, t.id) = (a.account, a.task)
LEFT JOIN location p ON (p.account, p.id) = (t.account, t.location)
WHERE a.account = $1 AND a.task = ANY($2) AND f.status <> 'closed'
ORDER BY f.kind, f.opened_at, f.id
"""


def read_query(params: Mapping[str, str]) -> WorkQuery:
    """The query in the parameters of a URL; values that cannot be read are ignored."""
    show = next((name for name in SHOWN if name == params.get("show")), None)
    try:
        handled = UUID(params.get("handled", ""))
    except ValueError:
        handled = None
    return WorkQuery(show, read_after(params.get("after", "")), handled)


async def read_work(tx: Tx, query: WorkQuery, language: str) -> WorkList:
    """A page of what `query` asks for: what is open, the oldest first, or the last handled."""
    counted = await tx.fetch(_COUNTS, tx.account, KINDS, MOST_COUNTED + 1)
    counts = {row["kind"]: row["count"] for row in counted}
    first: Show = next((kind for kind in KINDS if counts[kind]), KINDS[0])
    show = first if query.show is None else query.show
    window = (tx.account, *(query.after or (None, None)), SCREENFUL + 1)
    if show == "handled":
        rows = await tx.fetch(_HANDLED, *window, LAST_ID)
    else:
        rows = await tx.fetch(_OPEN, *window, show, FIRST_ID)
    if query.after and not rows:  # all of this page were handled
        return await read_work(tx, replace(query, after=None), language)
    fits = fitting(size_in_page(row["body"]) for row in rows[:SCREENFUL])
    shown = await _shown(tx, rows[:fits], language)
    more = ""
    if len(rows) > fits:
        last = shown[-1]
        after = write_after(last.closed or last.opened, last.id)
        more = "/follow-ups?" + urlencode({"show": show, "after": after})
    return WorkList(show=show, counts=counts, rows=shown, more=more)


async def find_follow_up(tx: Tx, key: UUID, language: str) -> FollowUp | None:
    """One follow-up; None where this account has none with the id `key`."""
    found = await _shown(tx, await tx.fetch(_ONE, tx.account, key), language)
    return found[0] if found else None


async def read_follow_up(tx: Tx, key: UUID, language: str) -> FollowUp:
    """As `find_follow_up`.

    :raises NotFoundError: this account has none with the id `key`.
    """
    found = await find_follow_up(tx, key, language)
    if found is None:
        raise NotFoundError
    return found


async def read_of_task(tx: Tx, task: UUID, language: str) -> list[FollowUp]:
    """The follow-ups of a task: what is open first, the last opened first, at most a screenful."""
    return await _shown(tx, await tx.fetch(_OF_TASK, tx.account, task, SCREENFUL), language)


async def read_marks(tx: Tx, tasks: Iterable[UUID]) -> Mapping[UUID, list[Mark]]:
    """The open follow-ups of `tasks`, by task."""
    marks: defaultdict[UUID, list[Mark]] = defaultdict(list)
    for row in await tx.fetch(_MARKS, tx.account, list(tasks)):
        phone = row["phone"] or ""
        marks[row["task"]].append(Mark(row["kind"], phone, call_link(phone, row["zone"])))
    return marks


async def _shown(tx: Tx, rows: Sequence[asyncpg.Record], language: str) -> list[FollowUp]:
    versions = await pinned(tx, {(row["campaign"], row["campaign_version"]) for row in rows})
    found = []
    for row in rows:
        content = versions[row["campaign"], row["campaign_version"]].content
        phone = row["phone"] or ""
        follow_up = FollowUp(
            id=row["id"],
            kind=row["kind"],
            opened=row["opened_at"],
            version=row["versions"],
            task=row["task"],
            title=row["title"] or "",
            number=row["number"],
            customer=in_one_line(row["customer"]),
            said=read_said(content, decode_body(row["body"]).values, language),
            phone=phone,
            dial=call_link(phone, row["zone"]),
            is_negative=row["is_negative"],
            closed=row["closed_at"],
            by=row["closed_by"] or "",
            note=row["note"] or "",
        )
        found.append(follow_up)
    return found
