"""/addresses: the suppression list, adding to it by hand, lifting what may be lifted, export."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect, Stream
from msgspec import Struct

from mail.consent import suppressions
from mail.consent.suppression_file import export_head, export_lines
from mail.consent.suppressions import REASONS, Suppressed
from mail.contacts import EMPTY, Suppression
from mail.worker.jobs import Job
from server.access.guards import console
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.list_query import read_after, search_text, write_after
from server.console.nav_counts import console_frame
from server.console.transition_form import is_reason
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import run, tx
from sync.errors import AddressError, ConflictError, MissingError

SCREENFUL: Final = 50
#: Suppressions that an export reads at once.
EXPORTED: Final = 5000


class SuppressionList(Struct, frozen=True, kw_only=True):
    """A page of suppressions. `text`: of the search. `first`, `more`: URLs, or empty."""

    text: str
    rows: list[Suppressed]
    first: str
    more: str


class Typed(Struct, frozen=True):
    """A form as it was sent; `wrong`: its field that cannot be kept, or `late`."""

    address: str = ""
    reason: str = "unsubscribed"
    why: str = ""
    wrong: str = ""


@route("/addresses", http_method=READING, guards=[console(Action.SUPPRESSION_READ)])
async def suppression_list(request: ConsoleRequest) -> Response[str]:
    """Addresses that are not written to, the newest first, or those that are searched."""
    return await _respond(request, Typed())


@post("/addresses/add", status_code=303, guards=[console(Action.SUPPRESSION_WRITE)])
async def add_suppression(request: ConsoleRequest) -> Response[str]:
    """Suppress an address, and show it; or the form with its error."""
    fields = await read_fields(request)
    address = fields.get("address", "").strip()
    given = fields.get("reason")
    reason: Suppression = next((one for one in REASONS if one == given), "unsubscribed")
    work = partial(suppressions.add, address=address, why=reason)
    try:
        await run(request.user.account, work, actor_of(request))
    except AddressError:
        return await _respond(request, Typed(address=address, reason=reason, wrong="address"))
    services(request).ring(Job.DELIVER)
    return Redirect(f"/addresses?{urlencode({'q': address})}", status_code=303)


@route(
    "/addresses/{contact:uuid}/lift",
    http_method=READING,
    guards=[console(Action.SUPPRESSION_LIFT)],
)
async def lift_form(request: ConsoleRequest, contact: FromPath[UUID]) -> Response[str]:
    """The page that asks for the reason and says what lifting does.

    :raises MissingError: no such contact is suppressed.
    """
    return await _ask(request, contact, Typed())


@post("/addresses/{contact:uuid}/lift", status_code=303, guards=[console(Action.SUPPRESSION_LIFT)])
async def lift(request: ConsoleRequest, contact: FromPath[UUID]) -> Response[str]:
    """Lift it, or show the form with its error.

    :raises MissingError: no such contact is suppressed.
    """
    why = (await read_fields(request)).get("why", "").strip()
    if not is_reason(why):
        return await _ask(request, contact, Typed(why=why, wrong="why"))
    try:
        work = partial(suppressions.lift, contact=contact, why=why)
        await run(request.user.account, work, actor_of(request))
    except ConflictError:
        return await _ask(request, contact, Typed(why=why, wrong="late"))
    except MissingError:
        return Redirect("/addresses", status_code=303)  # the form was sent twice
    return Redirect("/addresses", status_code=303)


@route("/addresses/export.csv", http_method=READING, guards=[console(Action.SUPPRESSION_READ)])
async def export(request: ConsoleRequest) -> Stream:
    """The whole list as CSV."""
    headers = {"Content-Disposition": 'attachment; filename="suppressions.csv"'}
    lines = _export(request.user.account)
    return Stream(lines, media_type="text/csv; charset=utf-8", headers=headers)


async def _export(account: int) -> AsyncIterator[str]:
    """The lines of an export; each part in a transaction of its own."""
    yield export_head()
    after = None
    while True:
        async with tx(account) as opened:
            found = await suppressions.newest(opened, EXPORTED, after)
        yield export_lines(found)
        if len(found) < EXPORTED:
            return
        after = (found[-1].since, found[-1].id)


async def _respond(request: ConsoleRequest, typed: Typed) -> Response[str]:
    query = request.query_params
    text, after = search_text(query.get("q", "")), query.get("after", "")
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        if text:
            rows = await suppressions.search(opened, text, SCREENFUL + 1, after)
        else:
            rows = await suppressions.newest(opened, SCREENFUL + 1, read_after(after))
        clock = clock_for(opened, page, request.user.zone)
    more = ""
    if len(rows) > SCREENFUL:
        last = rows[SCREENFUL - 1]
        behind = (last.address or "") if text else write_after(last.since, last.id)
        more = "/addresses?" + urlencode({"q": text, "after": behind})
    first = "/addresses?" + urlencode({"q": text}) if after else ""
    listed = SuppressionList(text=text, rows=rows[:SCREENFUL], first=first, more=more)
    return respond(
        request,
        "suppressions.html",
        page,
        status=422 if typed.wrong else 200,
        list=listed,
        typed=typed,
        reasons=REASONS,
        liftable=EMPTY,
        clock=clock,
    )


async def _ask(request: ConsoleRequest, contact: UUID, typed: Typed) -> Response[str]:
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        found = await suppressions.get(opened, contact)
        clock = clock_for(opened, page, request.user.zone)
    status = {"": 200, "why": 422, "late": 409}[typed.wrong]
    shown = {"item": found, "typed": typed, "clock": clock, "may_lift": found.reason in EMPTY}
    return respond(request, "lift.html", page, status=status, **shown)


ROUTES: Final = (suppression_list, add_suppression, lift_form, lift, export)
