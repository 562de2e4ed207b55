"""All that happened to a task, a page at a time: a task may live for years."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Meta, Struct

from mail.responses.answer_body import Body, decode_body
from rules.address import normal_form
from rules.history import ordered
from server.http import cursors
from server.http.text_limit import fitting, size_in_page
from server.timeline.entries import AnswerEntry, Entry, TransitionEntry
from server.timeline.queries import QUERIES, Query
from sync.database import Tx
from sync.intake.order import read_histories
from sync.messages import Moment

#: Entries of one page; fewer where much was written in them.
USUAL_ENTRIES: Final = 50
MOST_ENTRIES: Final = 500


class Place(Struct, frozen=True, array_like=True, order=True):
    """Where an entry stands in its timeline."""

    at: Moment
    rank: Annotated[int, Meta(ge=0, lt=len(QUERIES))]
    order_at: Moment
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    place: UUID
    beside: UUID


class Window(Struct, frozen=True):
    """Which entries: at most `limit` before `place`, or after it if `later`; the last for None."""

    place: Place | None = None
    later: bool = False
    limit: int = USUAL_ENTRIES


class TimelinePage(Struct, frozen=True):
    """Entries, earliest first. `earlier`, `later`: cursors to what is beyond, null for nothing."""

    items: Sequence[Entry]
    earlier: str | None
    later: str | None


#: The transitions of a task, and when each of them counts.
Counted: TypeAlias = tuple[list[UUID], list[datetime]]


class _Placed(Struct, frozen=True):
    place: Place
    entry: Entry


_read: Final = msgspec.msgpack.Decoder(Place).decode


def read_cursor(text: str) -> Place:
    """The place that a cursor names.

    :raises CursorError: it is none of ours.
    """
    return cursors.read_cursor(text, _read)


async def read_timeline(opened: Tx, task: UUID, window: Window) -> TimelinePage:
    """What happened to `task` in the `window`; transitions stand in their true order."""
    counted = await _counted(opened, task)
    found = [
        one for query in QUERIES for one in await _entries(opened, task, query, window, counted)
    ]
    found.sort(key=lambda one: one.place, reverse=not window.later)
    shown = found[: fitting(_size(one.entry) for one in found[: window.limit])]
    more = len(shown) < len(found)
    if not window.later:
        shown.reverse()
    if not shown:
        return TimelinePage([], None, None)
    behind = more if window.later else window.place is not None
    before = window.place is not None if window.later else more
    return TimelinePage(
        [one.entry for one in shown],
        cursors.write_cursor(shown[0].place) if before else None,
        cursors.write_cursor(shown[-1].place) if behind else None,
    )


async def _counted(opened: Tx, task: UUID) -> Counted:
    history = ordered((await read_histories(opened, [task]))[task])
    return [one.id for one in history], [one.moment for one in history]


async def _entries(
    opened: Tx, task: UUID, query: Query, window: Window, counted: Counted
) -> list[_Placed]:
    place = (None,) * 6 if window.place is None else msgspec.structs.astuple(window.place)
    sql = query.later if window.later else query.earlier
    more = counted if query.counted else ()
    rows = await opened.fetch(sql, opened.account, task, *place, window.limit + 1, *more)
    return [_placed(row, query) for row in rows]


def _placed(row: asyncpg.Record, query: Query) -> _Placed:
    told = dict(row)
    if query.shape is TransitionEntry:
        told["email_usable"] = normal_form(row["email"]) is not None
    if query.shape is AnswerEntry:
        told |= _said(decode_body(row["body"]))
    fields = {name: told[name] for name in query.shape.__struct_fields__}
    order = (row["at"], query.rank, row["order_at"], row["sequence"], row["place"], row["beside"])
    return _Placed(Place(*order), query.shape(**fields))


def _said(body: Body) -> dict[str, object]:
    return {
        "rating": body.lead.value,
        "reasons": body.lead.choices,
        "comment": body.lead.text,
        "not_me": body.not_me,
        "call_back": body.call_back,
        "language": body.language,
    }


def _size(entry: Entry) -> int:
    """Bytes of the texts of `entry` in a page."""
    values = (getattr(entry, field) for field in entry.__struct_fields__)
    return sum(size_in_page(value) for value in values if isinstance(value, str))
