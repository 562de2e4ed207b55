"""/decisions: who was asked, and why not: completed tasks by outcome, and the decisions behind."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
from litestar import Response, route
from msgspec import Struct
from msgspec.structs import replace

from mail.ledger.outcomes import OUTCOMES
from mail.ledger.reading import (
    Counts,
    Ledger,
    Place,
    Wanted,
    check_days,
    open_ledger,
    read_counts,
    read_decisions,
    read_place,
    write_place,
)
from server.access.guards import console
from server.access.principals import ConsoleRequest
from server.access.rights import Action
from server.console.nav_counts import console_frame
from server.console.state_labels import StateChip, read_states
from server.web.methods import READING
from server.web.page import clock_for, respond
from sync.database import Tx, tx

SCREENFUL: Final = 50
#: Campaigns and units that the form offers; others are reached by their links.
MOST_CHOICES: Final = 200


class LedgerQuery(Struct, frozen=True, kw_only=True):
    """The parameters of the URL; one that cannot be read is None.

    `is_wrong`: the days cannot be read, are not in order or too many.
    """

    campaign: UUID | None = None
    outcome: str = ""
    unit: UUID | None = None
    first: date | None = None
    last: date | None = None
    after: Place | None = None
    is_wrong: bool = False

    @property
    def wanted(self) -> Wanted:
        """What of these days."""
        return Wanted(
            campaigns=[self.campaign] if self.campaign else [],
            outcomes=[self.outcome] if self.outcome else [],
            units=[self.unit] if self.unit else [],
        )

    @property
    def url(self) -> str:
        """The page with these parameters."""
        params = {
            "campaign": self.campaign,
            "outcome": self.outcome,
            "unit": self.unit,
            "first_day": self.first,
            "last_day": self.last,
            "after": write_place(self.after) if self.after else None,
        }
        given = urlencode({name: value for name, value in params.items() if value})
        return f"/decisions?{given}" if given else "/decisions"

    def of(self, outcome: str) -> str:
        """The URL of its decisions with `outcome`; of all where it is empty."""
        return replace(self, outcome=outcome, after=None).url


class Choice(Struct, frozen=True):
    """A campaign or unit that may be chosen."""

    id: UUID
    name: str


class Choices(Struct, frozen=True):
    """What the form offers."""

    campaigns: list[Choice]
    units: list[Choice]
    outcomes: tuple[str, ...] = OUTCOMES


class Row(Struct, frozen=True, kw_only=True):
    """A decision. `title`, `number`: of its task. `state`, `moment`: of its transition."""

    task: UUID
    title: str
    number: str | None
    state: StateChip
    moment: datetime
    campaign: str
    unit: str
    outcome: str


class LedgerPage(Struct, frozen=True, kw_only=True):
    """A page of decisions. `first`, `more`: the URLs of the first and the next, or empty."""

    query: LedgerQuery
    ledger: Ledger
    choices: Choices
    counts: Counts
    rows: list[Row]
    first: str
    more: str


_CAMPAIGNS: Final = """
SELECT id, name FROM campaign WHERE account = $1
ORDER BY id IS NOT DISTINCT FROM $2 DESC, search_form(name), name, id LIMIT $3
"""
_UNITS: Final = """
SELECT id, name FROM unit WHERE account = $1
ORDER BY id IS NOT DISTINCT FROM $2 DESC, search_form(name), name, id LIMIT $3
"""


@route("/decisions", http_method=READING, guards=[console(Action.DECISION_READ)])
async def ledger_page(request: ConsoleRequest) -> Response[str]:
    """Completed tasks by outcome, and the decisions on their steps, of a campaign and some days."""
    query = read_query(request.query_params)
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        shown = await read_ledger(opened, query, page.language)
        clock = clock_for(opened, page, request.user.zone)
    return respond(request, "ledger.html", page, shown=shown, query=query, clock=clock)


def read_query(params: Mapping[str, str]) -> LedgerQuery:
    """The parameters of a URL."""
    outcome = params.get("outcome", "")
    query = LedgerQuery(
        campaign=_uuid(params.get("campaign", "")),
        outcome=outcome if outcome in OUTCOMES else "",
        unit=_uuid(params.get("unit", "")),
    )
    with suppress(ValueError):
        query = replace(query, after=read_place(params.get("after", "")))
    try:
        first, last = [
            date.fromisoformat(params[name]) if params.get(name) else None
            for name in ("first_day", "last_day")
        ]
        check_days(first, last)
    except ValueError:
        return replace(query, is_wrong=True)
    return replace(query, first=first, last=last)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


async def read_ledger(tx: Tx, query: LedgerQuery, language: str) -> LedgerPage:
    """The page of `query`, with the states' names in `language`."""
    ledger = await open_ledger(tx, query.first, query.last, query.wanted)
    [counts] = await read_counts(tx, ledger)
    found = await read_decisions(tx, ledger, query.after, SCREENFUL + 1)
    states = {state.code: state for state in await read_states(tx, language)}
    more = ""
    if len(found) > SCREENFUL:
        last = found[SCREENFUL - 1]
        more = replace(query, after=(last["moment"], last["transition"], last["campaign"])).url
    return LedgerPage(
        query=query,
        ledger=ledger,
        choices=Choices(
            await _choices(tx, _CAMPAIGNS, query.campaign), await read_units(tx, query.unit)
        ),
        counts=counts,
        rows=[_row(record, states) for record in found[:SCREENFUL]],
        first=replace(query, after=None).url if query.after else "",
        more=more,
    )


async def read_units(tx: Tx, chosen: UUID | None) -> list[Choice]:
    """The units that a form offers by name, the `chosen` one first."""
    return await _choices(tx, _UNITS, chosen)


async def _choices(tx: Tx, sql: str, chosen: UUID | None) -> list[Choice]:
    rows = await tx.fetch(sql, tx.account, chosen, MOST_CHOICES)
    return [Choice(row["id"], row["name"]) for row in rows]


def _row(record: asyncpg.Record, states: Mapping[str, StateChip]) -> Row:
    return Row(
        task=record["task"],
        title=record["title"],
        number=record["external_id"],
        state=states.get(record["state"], StateChip(record["state"], "", "unknown")),
        moment=record["moment"],
        campaign=record["campaign_name"],
        unit=record["unit_name"],
        outcome=record["outcome"],
    )
