"""A task's timeline in pages: a task may have entries of many years."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Meta, Struct

from mail.responses.recording import decode_body
from rules.address import normal_form
from rules.history import ordered
from server.http import cursors
from server.http.text_limit import fitting, size_in_page
from server.timeline.entries import AnswerEntry, Entry, TransitionEntry
from server.timeline.queries import QUERIES, Query
from sync.database import Tx
from sync.intake.histories import read_histories
from sync.messages import Moment

#: Entries of one page; fewer where their texts are long.
USUAL_ENTRIES: Final = 50
MOST_ENTRIES: Final = 500


class TimelinePosition(Struct, frozen=True, array_like=True, order=True):
    """The sort key of an entry in its timeline. `rank`: of its kind, see `QUERIES`."""

    at: Moment
    rank: Annotated[int, Meta(ge=0, lt=len(QUERIES))]
    order_at: Moment
    sequence: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    tie_break: UUID
    tie_break_2: UUID


class Window(Struct, frozen=True):
    """At most `limit` entries before `place`, or after it if `later`; None: the last ones."""

    place: TimelinePosition | None = None
    later: bool = False
    limit: int = USUAL_ENTRIES


class TimelinePage(Struct, frozen=True):
    """Entries, earliest first. `earlier`, `later`: cursors to the pages around, null for none."""

    items: Sequence[Entry]
    earlier: str | None
    later: str | None


#: The ids of a task's transitions, and the moments at which they count.
Counted: TypeAlias = tuple[list[UUID], list[datetime]]


class _Placed(Struct, frozen=True):
    place: TimelinePosition
    entry: Entry


_read: Final = msgspec.msgpack.Decoder(TimelinePosition).decode


def read_cursor(text: str) -> TimelinePosition:
    """The place in a cursor.

    :raises CursorError: the server did not issue it.
    """
    return cursors.read_cursor(text, _read)


async def read_timeline(opened: Tx, task: UUID, window: Window) -> TimelinePage:
    """The entries of `task` in the `window`; transitions stand in their true order."""
    history = ordered((await read_histories(opened, [task]))[task])
    counted = [item.id for item in history], [item.moment for item in history]
    place = (None,) * 6 if window.place is None else msgspec.structs.astuple(window.place)
    found: list[_Placed] = []
    for query in QUERIES:
        sql = query.later if window.later else query.earlier
        args = counted if query.counted else ()
        # One more than fits, to know whether there are more.
        rows = await opened.fetch(sql, opened.account, task, *place, window.limit + 1, *args)
        found.extend(_placed(row, query) for row in rows)
    found.sort(key=lambda placed: placed.place, reverse=not window.later)
    texts = (
        (
            *(text for text in msgspec.structs.astuple(placed.entry) if isinstance(text, str)),
            *(value.text for value in getattr(placed.entry, "further", {}).values()),
        )
        for placed in found[: window.limit]
    )
    shown = found[: fitting(sum(map(size_in_page, entry)) for entry in texts)]
    more = len(shown) < len(found)
    if not window.later:
        shown.reverse()
    if not shown:
        return TimelinePage([], None, None)
    has_later = more if window.later else window.place is not None
    has_earlier = window.place is not None if window.later else more
    return TimelinePage(
        [placed.entry for placed in shown],
        cursors.write_cursor(shown[0].place) if has_earlier else None,
        cursors.write_cursor(shown[-1].place) if has_later else None,
    )


def _placed(row: asyncpg.Record, query: Query) -> _Placed:
    values = dict(row)
    if query.shape is TransitionEntry:
        values["email_usable"] = normal_form(row["email"]) is not None
    if query.shape is AnswerEntry:
        body = decode_body(row["body"])
        values |= {
            "lead_kind": body.lead.kind,
            "rating": body.lead.value,
            "reasons": body.lead.choices,
            "comment": body.lead.text,
            "further": body.further,
            "not_me": body.not_me,
            "call_back": body.call_back,
            "phone": body.phone,
            "language": body.language,
        }
    place = TimelinePosition(
        at=row["at"],
        rank=query.rank,
        order_at=row["order_at"],
        sequence=row["sequence"],
        tie_break=row["tie_break"],
        tie_break_2=row["tie_break_2"],
    )
    entry = query.shape(**{name: values[name] for name in query.shape.__struct_fields__})
    return _Placed(place, entry)
