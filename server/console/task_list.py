"""The list of tasks: filtered, searched, in pages, the last changed first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
from msgspec import Struct

from server.console.list_query import MAX_LENGTH, read_after, search_text, write_after
from server.console.outcome import JOINS, Score, Survey, score_of, survey_of
from server.console.state_labels import StateChip, chip, named, read_states
from server.console.task_search import ALL, LIMITS, Limits, Search, read_words
from sync.database import Tx
from sync.validation import in_one_line

SCREENFUL: Final = 50


class Filters(Struct, frozen=True):
    """The parameters of the URL. `after`: moment and id of the last row of the page before."""

    text: str
    state: str
    after: tuple[datetime, UUID] | None

    @property
    def narrowed(self) -> bool:
        """Whether a search or a state leaves tasks out."""
        return bool(self.text or self.state)


class Row(Struct, frozen=True, kw_only=True):
    """One task as the list shows it."""

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


class TaskList(Struct, frozen=True):
    """One page of tasks; `more`: the URL of the next, or empty."""

    filters: Filters
    states: list[StateChip]
    rows: list[Row]
    more: str

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
  i.status, i.reason AS survey_reason, i.release, i.sent_at, d.outcome, a.answered_at,
  r.lead_mean, r.answers, r.negative
FROM page t
LEFT JOIN LATERAL (SELECT * FROM customer WHERE id = t.customer LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT * FROM location WHERE id = t.location LIMIT 1) l ON true
"""  # noqa: S608 - our own text
    + JOINS
    + "ORDER BY t.state_moment DESC, t.id::text"
)


def read_filters(params: Mapping[str, str]) -> Filters:
    """The filters in the parameters of a URL; an `after` that cannot be read is ignored."""
    state = "".join(letter for letter in params.get("state", "") if letter.isprintable())
    return Filters(
        search_text(params.get("q", "")), state[:MAX_LENGTH], read_after(params.get("after", ""))
    )


async def read_list(tx: Tx, filters: Filters, language: str, limits: Limits = LIMITS) -> TaskList:
    """A page of the tasks that match `filters`, with names in `language` where they have one.

    `limits`: of the plans of a search; they change its cost and not its rows.
    """
    window = (filters.state, *(filters.after or (None, None)), SCREENFUL + 1)
    if filters.text:
        words = await read_words(tx, filters.text)
        records = await Search(tx, _ROWS, window, words, limits).page()
    else:
        records = await tx.fetch(_ROWS.format(tasks=ALL), *window)
    rows = [_row(record, language) for record in records[:SCREENFUL]]
    more = ""
    if len(records) > SCREENFUL:
        params = {"q": filters.text, "state": filters.state}
        after = write_after(rows[-1].changed, rows[-1].id)
        more = "/tasks?" + urlencode({**{k: v for k, v in params.items() if v}, "after": after})
    return TaskList(filters, await read_states(tx, language), rows, more)


def _row(record: asyncpg.Record, language: str) -> Row:
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
    )
