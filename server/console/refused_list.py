"""Transitions that are refused, parked or dismissed, the last received first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, TypeAlias, cast, get_args
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from server.console.list_query import read_after, write_after
from server.console.nav_counts import MOST_COUNTED
from server.console.state_labels import StateChip, chip
from server.http.text_limit import fitting, size_in_page
from sync.database import Tx
from sync.intake.incoming import Body

SCREENFUL: Final = 25

Shown: TypeAlias = Literal["refused", "parked", "dismissed"]


class RefusalQuery(Struct, frozen=True):
    """The parameters of the URL. `task`: only transitions of it; None for all.

    `after`: reception and id of the last row of the page before.
    """

    shown: Shown
    task: UUID | None
    after: tuple[datetime, UUID] | None


class Dismissal(Struct, frozen=True):
    """That a refused transition was dismissed. `by`: None for a program."""

    at: datetime
    by: str | None
    reason: str


class Refusal(Struct, frozen=True, kw_only=True):
    """A transition that was not accepted. `title`: of its task, None while that does not exist.

    `sender`: whose device sent it. `responsible`: who had the task at its moment, a technician or
    the pool of a unit; None for nobody.
    """

    id: UUID
    task: UUID
    title: str | None
    state: StateChip
    sender: str
    device: str | None
    responsible: str | None
    reason: str | None
    body: Body
    received: datetime
    dismissal: Dismissal | None

    @property
    def obstacle(self) -> str:
        """What is missing to accept it: `task` or `state`; else empty."""
        if self.title is None:
            return "task"
        return "state" if self.state.kind == "unknown" else ""


class TypedReason(Struct, frozen=True):
    """The form of a dismissal as it was sent.

    `wrong`: `why` where the reason cannot be read, `late` where the step was settled before,
    `dismissed` where it was to be accepted and somebody had dismissed it.
    """

    text: str = ""
    wrong: Literal["", "why", "late", "dismissed"] = ""


class RefusalList(Struct, frozen=True):
    """One page of transitions; `more`: the URL of the next, or empty.

    `parked`: how many wait for their task, up to one more than MOST_COUNTED.
    """

    query: RefusalQuery
    rows: list[Refusal]
    parked: int
    more: str


_PARTS: Final[Mapping[Shown, str]] = {
    "refused": "n.verdict = 'refused' AND n.dismissed_at IS NULL",
    "parked": "n.verdict = 'parked' AND n.verdict <> 'accepted'",
    "dismissed": (
        "n.verdict = 'refused' AND n.verdict <> 'accepted' AND n.dismissed_at IS NOT NULL"
    ),
}
_REFUSALS: Final = """
SELECT n.id, n.pushed_task AS task, t.title, n.refusal, n.body, n.arrived_at,
  u.name AS sender, d.name AS device, r.name AS responsible,
  n.dismissed_at, n.dismissed_reason, p.name AS dismissed_by,
  n.body ->> 'state' AS state, s.name AS state_name, s.names AS state_names, s.kind AS state_kind
FROM transition n
JOIN app_user u ON u.account = n.account AND u.id = n.technician
LEFT JOIN app_user p ON p.account = n.account AND p.id = n.dismissed_by
LEFT JOIN device d ON d.account = n.account AND d.id = n.device
LEFT JOIN task t ON t.account = n.account AND t.id = n.pushed_task
LEFT JOIN state s ON s.account = n.account AND s.code = n.body ->> 'state'
LEFT JOIN LATERAL (
  SELECT coalesce(w.name, k.name) AS name FROM assignment a
  LEFT JOIN app_user w ON w.account = a.account AND w.id = a.technician
  LEFT JOIN unit k ON k.account = a.account AND k.id = a.unit
  WHERE a.account = n.account AND a.task = n.pushed_task
    AND a.start_at <= (n.body ->> 'moment')::timestamptz
    AND (a.end_at IS NULL OR a.end_at >= (n.body ->> 'moment')::timestamptz)
  ORDER BY a.start_at DESC, a.id DESC LIMIT 1) r ON true
WHERE n.account = $1 AND {chosen}
"""
_ROWS: Final = (
    _REFUSALS
    + """
  AND ($2::uuid IS NULL OR n.pushed_task = $2)
  AND ($3::timestamptz IS NULL OR (n.arrived_at, n.id) < ($3, $4))
ORDER BY n.arrived_at DESC, n.id DESC LIMIT $5
"""
)
_ONE: Final = _REFUSALS.format(chosen="n.id = $2 AND n.verdict <> 'accepted'")
_PARKED: Final = """
SELECT count(*) FROM (
  SELECT FROM transition
  WHERE account = $1 AND verdict = 'parked' AND verdict <> 'accepted' LIMIT $2) AS counted
"""

_read_body: Final = msgspec.json.Decoder(Body).decode


def read_query(params: Mapping[str, str]) -> RefusalQuery:
    """The query in the parameters of a URL; values that cannot be read are ignored."""
    shown = params.get("show", "")
    try:
        task = UUID(params.get("task", ""))
    except ValueError:
        task = None
    return RefusalQuery(
        cast("Shown", shown) if shown in get_args(Shown) else "refused",
        task,
        read_after(params.get("after", "")),
    )


async def read_refusals(tx: Tx, query: RefusalQuery, language: str) -> RefusalList:
    """A page of what `query` asks for, with states in `language`."""
    moment, key = query.after or (None, None)
    sql = _ROWS.format(chosen=_PARTS[query.shown])
    rows = await tx.fetch(sql, tx.account, query.task, moment, key, SCREENFUL + 1)
    fits = fitting(size_in_page(row["body"]) for row in rows[:SCREENFUL])
    refusals = [_refusal(row, language) for row in rows[:fits]]
    more = ""
    if len(rows) > fits:
        params = {"show": query.shown} | ({"task": str(query.task)} if query.task else {})
        after = write_after(refusals[-1].received, refusals[-1].id)
        more = "/refused?" + urlencode({**params, "after": after})
    parked = await tx.fetchval(_PARKED, tx.account, MOST_COUNTED + 1)
    return RefusalList(query, refusals, parked, more)


async def read_refusal(tx: Tx, transition: UUID, language: str) -> Refusal | None:
    """One transition that is not accepted; None where it is, or there is none."""
    row = await tx.fetchrow(_ONE, tx.account, transition)
    return None if row is None else _refusal(row, language)


def _refusal(row: asyncpg.Record, language: str) -> Refusal:
    unknown = StateChip(row["state"], "", "unknown")
    dismissal = None
    if row["dismissed_at"] is not None:
        dismissal = Dismissal(row["dismissed_at"], row["dismissed_by"], row["dismissed_reason"])
    return Refusal(
        id=row["id"],
        task=row["task"],
        title=row["title"],
        state=unknown if row["state_names"] is None else chip(row, language),
        sender=row["sender"],
        device=row["device"],
        responsible=row["responsible"],
        reason=row["refusal"],
        body=_read_body(row["body"]),
        received=row["arrived_at"],
        dismissal=dismissal,
    )
