"""/addresses/missing: completed tasks whose customer has no address, and where to enter it."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from itertools import groupby
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct

from mail.consent.without_address import Filters, WithoutAddress, read_without_address
from mail.i18n import text_in
from rules.address import normal_form
from server.access.guards import console
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.list_query import read_after, write_after
from server.console.nav_counts import console_frame
from server.console.state_labels import named
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import Tx, run, tx
from sync.records.customers import put_customers
from sync.records.reading import get_customer
from sync.records.shapes import CustomerPut

SCREENFUL: Final = 50

_TYPES: Final = (
    "SELECT id, name, names FROM task_type WHERE account = $1 ORDER BY search_form(name)"
)


class TypeChoice(Struct, frozen=True):
    """A task type that the list may be of."""

    id: UUID
    name: str


class MissingList(Struct, frozen=True, kw_only=True):
    """A page of completions, by day. `first`, `more`: URLs, or empty. `query`: of this page."""

    filters: Filters
    types: list[TypeChoice]
    days: list[tuple[date, list[WithoutAddress]]]
    first: str
    more: str
    query: str


class TypedAddress(Struct, frozen=True):
    """An address that cannot be kept; `task`: in whose row it was typed, empty where none was."""

    task: str = ""
    address: str = ""


@route("/addresses/missing", http_method=READING, guards=[console(Action.COMPLETION_READ)])
async def missing_list(request: ConsoleRequest) -> Response[str]:
    """Completed tasks without an address, the last decided first."""
    return await _respond(request, TypedAddress())


@post(
    "/addresses/{customer:uuid}/address", status_code=303, guards=[console(Action.CUSTOMER_WRITE)]
)
async def enter_address(request: ConsoleRequest, customer: FromPath[UUID]) -> Response[str]:
    """Store the customer's address, or show the list with the form's error.

    :raises MissingError: this account has no such customer.
    """
    fields = await read_fields(request)
    address = fields.get("address", "").strip()
    if normal_form(address) is None:
        return await _respond(request, TypedAddress(fields.get("task", "?"), address))

    async def work(tx: Tx) -> None:
        await get_customer(tx, customer)  # or it would be made
        await put_customers(tx, [CustomerPut(id=customer, email=address)])

    await run(request.user.account, work, actor_of(request))
    here = _query(read_filters(request.query_params))
    return Redirect(f"/addresses/missing{here}", status_code=303)


def read_filters(params: Mapping[str, str]) -> Filters:
    """The filters in the parameters of a URL; values that cannot be read are ignored."""
    day = kind = None
    with suppress(ValueError):
        day = date.fromisoformat(params.get("day", ""))
    with suppress(ValueError):
        kind = UUID(params.get("type", ""))
    return Filters(day, kind, read_after(params.get("after", "")))


def _query(filters: Filters, **others: str) -> str:
    """The query of a URL with these filters, or nothing; `others` replace its parameters."""
    after = filters.after
    given = {
        "day": str(filters.day or ""),
        "type": str(filters.type or ""),
        "after": "" if after is None else write_after(*after),
    }
    kept = {name: value for name, value in (given | others).items() if value}
    return "?" + urlencode(kept) if kept else ""


async def _respond(request: ConsoleRequest, typed: TypedAddress) -> Response[str]:
    filters = read_filters(request.query_params)
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        rows = await read_without_address(opened, filters, SCREENFUL + 1)
        types = [
            TypeChoice(row["id"], named(row["name"], row["names"], page.language))
            for row in await opened.fetch(_TYPES, opened.account)
        ]
        clock = clock_for(opened, page, request.user.zone)
    more = ""
    if len(rows) > SCREENFUL:
        last = rows[SCREENFUL - 1]
        more = _query(filters, after=write_after(last.at, last.transition))
    by_day = sorted(rows[:SCREENFUL], key=lambda row: row.day, reverse=True)
    listed = MissingList(
        filters=filters,
        types=types,
        days=[(day, list(found)) for day, found in groupby(by_day, lambda row: row.day)],
        first="/addresses/missing" + _query(filters, after="") if filters.after else "",
        more="/addresses/missing" + more if more else "",
        query=_query(filters),
    )
    shown = {"list": listed, "typed": typed, "clock": clock, "text_in": text_in}
    return respond(
        request, "without_address.html", page, status=422 if typed.task else 200, **shown
    )


ROUTES: Final = (missing_list, enter_address)
