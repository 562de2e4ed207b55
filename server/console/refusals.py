"""Refused and parked transitions, the last received first; and what accepting one led to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Struct

from server.console.list_query import read_after, write_after
from server.console.state_labels import StateChip, chip
from server.http.text_limit import fitting, size_in_page
from sync.database import Tx
from sync.intake.incoming import Body

SCREENFUL: Final = 25

Verdict: TypeAlias = Literal["refused", "parked"]


class RefusalQuery(Struct, frozen=True):
    """The parameters of the URL. `after`: reception and id of the last row of the page before."""

    verdict: Verdict
    after: tuple[datetime, UUID] | None


class Refusal(Struct, frozen=True, kw_only=True):
    """A transition that was not accepted. `title`: of its task, None while that does not exist."""

    id: UUID
    task: UUID
    title: str | None
    state: StateChip
    technician: str
    device: str | None
    reason: str | None
    body: Body
    received: datetime

    @property
    def obstacle(self) -> str:
        """What is missing to accept it: `task` or `state`; else empty."""
        if self.title is None:
            return "task"
        return "state" if self.state.kind == "unknown" else ""


class RefusalList(Struct, frozen=True):
    """One page of transitions; `more`: the URL of the next, or empty."""

    verdict: Verdict
    rows: list[Refusal]
    more: str


class Outcome(Struct, frozen=True, kw_only=True):
    """A transition that a dispatcher asked to accept, and whether it was accepted."""

    task: UUID
    title: str | None
    state: StateChip | None
    accepted: bool


_STATE: Final = "s.name AS state_name, s.names AS state_names, s.kind AS state_kind"
_ROWS: Final = f"""
SELECT n.id, n.pushed_task AS task, t.title, n.refusal, n.body, n.arrived_at,
  u.name AS technician, d.name AS device, n.body ->> 'state' AS state, {_STATE}
FROM transition n
JOIN app_user u ON u.account = n.account AND u.id = n.technician
LEFT JOIN device d ON d.account = n.account AND d.id = n.device
LEFT JOIN task t ON t.account = n.account AND t.id = n.pushed_task
LEFT JOIN state s ON s.account = n.account AND s.code = n.body ->> 'state'
WHERE n.account = $1 AND n.verdict = $2 AND n.verdict <> 'accepted'
  AND ($3::timestamptz IS NULL OR (n.arrived_at, n.id) < ($3, $4))
ORDER BY n.arrived_at DESC, n.id DESC LIMIT $5
"""  # noqa: S608 - our own text
_OUTCOME: Final = f"""
SELECT coalesce(n.task, n.pushed_task) AS task, t.title, n.verdict, n.state, {_STATE}
FROM transition n
LEFT JOIN task t ON t.account = n.account AND t.id = coalesce(n.task, n.pushed_task)
LEFT JOIN state s ON s.account = n.account AND s.code = n.state
WHERE n.account = $1 AND n.id = $2
"""  # noqa: S608 - our own text

_read_body: Final = msgspec.json.Decoder(Body).decode


def read_query(params: Mapping[str, str]) -> RefusalQuery:
    """The query in the parameters of a URL; values that cannot be read are ignored."""
    verdict: Verdict = "parked" if params.get("show") == "parked" else "refused"
    return RefusalQuery(verdict, read_after(params.get("after", "")))


async def read_refusals(tx: Tx, query: RefusalQuery, language: str) -> RefusalList:
    """A page of what `query` asks for, with states in `language`."""
    moment, key = query.after or (None, None)
    rows = await tx.fetch(_ROWS, tx.account, query.verdict, moment, key, SCREENFUL + 1)
    fits = fitting(size_in_page(row["body"]) for row in rows[:SCREENFUL])
    refusals = []
    for row in rows[:fits]:
        unknown = StateChip(row["state"], "", "unknown")
        refusal = Refusal(
            id=row["id"],
            task=row["task"],
            title=row["title"],
            state=unknown if row["state_names"] is None else chip(row, language),
            technician=row["technician"],
            device=row["device"],
            reason=row["refusal"],
            body=_read_body(row["body"]),
            received=row["arrived_at"],
        )
        refusals.append(refusal)
    more = ""
    if len(rows) > fits:
        after = write_after(refusals[-1].received, refusals[-1].id)
        more = "/refused?" + urlencode({"show": query.verdict, "after": after})
    return RefusalList(query.verdict, refusals, more)


async def read_outcome(tx: Tx, transition: str, language: str) -> Outcome | None:
    """The outcome for `transition`, an id as text; None where there is none."""
    try:
        row = await tx.fetchrow(_OUTCOME, tx.account, UUID(transition))
    except ValueError:
        return None
    if row is None:
        return None
    return Outcome(
        task=row["task"],
        title=row["title"],
        state=None if row["state_names"] is None else chip(row, language),
        accepted=row["verdict"] == "accepted",
    )
