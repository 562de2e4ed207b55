"""The list of tasks: filtered, searched, in pages, the last changed first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import replace

from server.console.consequences import foresee
from server.console.follow_up_list import Mark, read_marks
from server.console.list_query import MAX_LENGTH, read_after, search_text, write_after
from server.console.outcome import JOINS, Score, Survey, score_of, survey_of
from server.console.state_labels import StateChip, chip, named, read_states
from server.console.task_search import DOWN, LIMITS, UP, Limits, Search, read_words, statements_of
from sync.database import Tx
from sync.validation import in_one_line

SCREENFUL: Final = 50
#: The parameter of a task's page that holds those of the list which led there.
BACK: Final = "list"
#: Letters of that parameter which are read.
MOST_BACK: Final = 2000


class Filters(Struct, frozen=True):
    """The parameters of the URL.

    `after`: moment and id of the row that stands above the page; `before`: of the one below it.
    """

    text: str
    state: str
    after: tuple[datetime, UUID] | None
    before: tuple[datetime, UUID] | None = None

    @property
    def narrowed(self) -> bool:
        """Whether a search or a state leaves tasks out."""
        return bool(self.text or self.state)

    @property
    def query(self) -> str:
        """The parameters, empty without any."""
        params = {
            "q": self.text,
            "state": self.state,
            "after": write_after(*self.after) if self.after else "",
            "before": write_after(*self.before) if self.before else "",
        }
        return urlencode({name: value for name, value in params.items() if value})

    @property
    def url(self) -> str:
        """The list's page with these filters."""
        return f"/tasks?{self.query}" if self.query else "/tasks"

    @property
    def top(self) -> str:
        """The first page with these filters."""
        return replace(self, after=None, before=None).url

    @property
    def carried(self) -> str:
        """The parameter that leads from a task back to this page; empty for the plain list."""
        return urlencode({BACK: self.query}) if self.query else ""


class Row(Struct, frozen=True, kw_only=True):
    """One task as the list shows it. `marks`: its open follow-ups."""

    id: UUID
    title: str
    number: str | None
    type: str
    state: StateChip
    changed: datetime
    customer: str | None
    place: str | None
    technician: str | None
    survey: Survey | None
    score: Score | None
    marks: list[Mark]


class TaskList(Struct, frozen=True):
    """One page of tasks; `newer`, `older`: the URLs of the pages around it, or empty."""

    filters: Filters
    states: list[StateChip]
    rows: list[Row]
    newer: str
    older: str

    @property
    def in_all_states(self) -> str:
        """The URL of the same search in all states."""
        return "/tasks?" + urlencode({"q": self.filters.text})


_ROWS: Final = (
    """
WITH page AS ({tasks})
SELECT t.id, t.title, t.external_id, t.state, t.state_moment, c.name AS customer_name,
  CASE WHEN l.name = c.name THEN l.address ELSE l.name END AS place_name,
  s.name AS state_name, s.names AS state_names, s.kind AS state_kind,
  y.name AS type_name, y.names AS type_names, u.name AS technician_name,
  i.id AS invitation, i.status, i.reason AS survey_reason, i.release, i.sent_at, d.outcome,
  d.choice, a.answered_at, a.not_me,
  r.lead_kind, r.lead_mean, r.answers, r.negative
FROM page t
LEFT JOIN LATERAL (SELECT * FROM customer WHERE id = t.customer LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT * FROM location WHERE id = t.location LIMIT 1) l ON true
"""  # noqa: S608 - our own text
    + JOINS
    + "ORDER BY t.state_moment DESC, t.id::text"
)


def read_filters(params: Mapping[str, str]) -> Filters:
    """The filters in the parameters of a URL; a place that cannot be read is ignored."""
    state = "".join(letter for letter in params.get("state", "") if letter.isprintable())
    return Filters(
        text=search_text(params.get("q", "")),
        state=state[:MAX_LENGTH],
        after=read_after(params.get("after", "")),
        before=read_after(params.get("before", "")),
    )


def read_back(params: Mapping[str, str]) -> Filters:
    """The filters of the list that led to a task, by the parameters of the task's URL.

    They are read as the list reads them and written anew: they lead nowhere else.
    """
    return read_filters(dict(parse_qsl(params.get(BACK, "")[:MOST_BACK])))


async def foresee_list(tx: Tx, mail_from: str, tasks: TaskList) -> TaskList:
    """The list, with what becomes of the surveys that wait."""
    found = await foresee(tx, mail_from, (row.survey for row in tasks.rows))
    rows = [
        row
        if row.survey is None or row.survey.invitation not in found
        else replace(row, survey=found[row.survey.invitation])
        for row in tasks.rows
    ]
    return replace(tasks, rows=rows)


async def read_list(tx: Tx, filters: Filters, language: str, limits: Limits = LIMITS) -> TaskList:
    """A page of the tasks that match `filters`, with names in `language` where they have one.

    `limits`: of the plans of a search; they change its cost and not its rows.
    """
    records = await _read(tx, filters, limits)
    is_cut = len(records) > SCREENFUL
    if filters.before and not is_cut:  # the top of the list: a whole page of it
        filters = replace(filters, before=None, after=None)
        records = await _read(tx, filters, limits)
        is_cut = len(records) > SCREENFUL
    shown = records[-SCREENFUL:] if filters.before else records[:SCREENFUL]
    marks = await read_marks(tx, [record["id"] for record in shown])
    rows = [_row(record, marks.get(record["id"], []), language) for record in shown]
    newer = older = ""
    if rows and (is_cut if filters.before else filters.after):
        newer = replace(filters, after=None, before=(rows[0].changed, rows[0].id)).url
    if rows and (filters.before or is_cut):
        older = replace(filters, before=None, after=(rows[-1].changed, rows[-1].id)).url
    return TaskList(filters, await read_states(tx, language), rows, newer, older)


async def _read(tx: Tx, filters: Filters, limits: Limits) -> list[asyncpg.Record]:
    """The rows of the page in the list's order, and one more where there is one."""
    direction = UP if filters.before else DOWN
    statements = statements_of(direction, in_state=bool(filters.state))
    beside = filters.before or filters.after or (None, None)
    window = (filters.state, *beside, SCREENFUL + 1)
    if not filters.text:
        return await tx.fetch(_ROWS.format(tasks=statements.all), *window)
    words = await read_words(tx, filters.text)
    return await Search(tx, _ROWS, statements, window, words, limits).page()


def _row(record: asyncpg.Record, marks: list[Mark], language: str) -> Row:
    return Row(
        id=record["id"],
        title=record["title"],
        number=record["external_id"],
        type=named(record["type_name"], record["type_names"], language),
        state=chip(record, language),
        changed=record["state_moment"],
        customer=record["customer_name"],
        place=in_one_line(record["place_name"]) or None,
        technician=record["technician_name"],
        survey=survey_of(record),
        score=score_of(record),
        marks=marks,
    )
