"""/follow-ups: what customers asked for, until somebody has handled it."""

from functools import partial
from typing import Final
from uuid import UUID

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec.structs import replace

from mail.responses.follow_ups import LONGEST_NOTE, close_follow_up, reopen_follow_up
from server.access.guards import console
from server.access.kept_forms import read_kept
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.follow_up_list import (
    Typed,
    find_follow_up,
    read_follow_up,
    read_query,
    read_work,
)
from server.console.follow_up_origin import Origin, read_origin
from server.console.nav_counts import console_frame
from server.http.form_data import read_number
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import run, tx


@route("/follow-ups", http_method=READING, guards=[console(Action.FOLLOW_UP_READ)])
async def follow_up_list(request: ConsoleRequest) -> Response[str]:
    """What is to be done, or what was done; and a notice about what was just closed."""
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        query = read_query(request.query_params)
        work = await read_work(opened, query, page.language)
        handled = None
        if query.handled is not None:
            handled = await find_follow_up(opened, query.handled, page.language)
        clock = clock_for(opened, page, request.user.zone)
    origin = Origin("list", work=replace(query, show=work.show))
    return respond(
        request,
        "follow_ups.html",
        page,
        list=work,
        handled=handled,
        typed=Typed(),
        clock=clock,
        origin=origin,
    )


@route("/follow-ups/{key:uuid}", http_method=READING, guards=[console(Action.FOLLOW_UP_READ)])
async def follow_up_page(request: ConsoleRequest, key: FromPath[UUID]) -> Response[str]:
    """One follow-up; with the note that was typed before the session ended.

    :raises NotFoundError: this account has no such follow-up.
    """
    fields = await read_kept(request, f"/follow-ups/{key}/close")
    typed = Typed(note=fields.get("note", ""), is_kept=bool(fields))
    return await _respond(request, key, typed, read_origin(fields))


@post("/follow-ups/{key:uuid}/close", status_code=303, guards=[console(Action.FOLLOW_UP_CLOSE)])
async def close(request: ConsoleRequest, key: FromPath[UUID]) -> Response[str]:
    """Close it with a note; one that is closed stays as it is, and the page says by whom.

    Where the customer changed the answer since it was shown, it is shown anew and stays open. The
    note that was typed is shown wherever it is not kept.

    :raises MissingError: this account has no such follow-up.
    """
    fields = await read_fields(request)
    origin = read_origin(fields)
    note = fields.get("note", "").replace("\r\n", "\n").strip()
    if len(note) > LONGEST_NOTE:
        return await _respond(request, key, Typed(note=note, wrong="note"), origin)
    user = request.user.user
    assert user is not None  # noqa: S101 - only users have sessions
    work = partial(
        close_follow_up,
        follow_up=key,
        by=user,
        seen=read_number(fields.get("version", "")),
        note=note,
    )
    outcome = await run(request.user.account, work, actor_of(request))
    if outcome == "changed" or (outcome == "closed_before" and note):
        return await _respond(request, key, Typed(note=note, wrong=outcome), origin)
    return await _back(request, key, origin)


@post("/follow-ups/{key:uuid}/reopen", status_code=303, guards=[console(Action.FOLLOW_UP_REOPEN)])
async def reopen(request: ConsoleRequest, key: FromPath[UUID]) -> Response[str]:
    """Open it again, if somebody closed it by mistake.

    :raises NotFoundError: this account has no such follow-up.
    """
    origin = read_origin(await read_fields(request))
    await run(request.user.account, partial(reopen_follow_up, follow_up=key), actor_of(request))
    return await _back(request, key, origin)


async def _back(request: ConsoleRequest, key: UUID, origin: Origin) -> Redirect:
    """To the page that the form was sent from; to the list with a notice about it."""
    async with tx(request.user.account) as opened:
        found = await read_follow_up(opened, key, request.user.language)
    return Redirect(origin.way_back(found), status_code=303)


async def _respond(
    request: ConsoleRequest, key: UUID, typed: Typed, origin: Origin
) -> Response[str]:
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        found = await read_follow_up(opened, key, page.language)
        clock = clock_for(opened, page, request.user.zone)
    status = 422 if typed.wrong else 200
    shown = {"item": found, "typed": typed, "clock": clock, "origin": origin}
    return respond(request, "follow_up.html", page, status=status, **shown)


ROUTES: Final = (follow_up_list, follow_up_page, close, reopen)
