"""/campaigns/sending and /campaigns/{id}/{change}: stopping and resuming, each asked once."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from uuid import UUID

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect

from mail.campaigns import lifecycle
from mail.campaigns.account_switch import pause_sending, read_stop, resume_sending
from mail.campaigns.store import get_campaign
from mail.worker.jobs import Job
from server.access.guards import console
from server.access.kept_forms import read_kept
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.campaigns import CHANGES
from server.console.nav_counts import console_frame
from server.console.transition_form import is_reason
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import Tx, run, tx


@route("/campaigns/sending", http_method=READING, guards=[console(Action.SENDING_READ)])
async def switch_page(request: ConsoleRequest) -> Response[str]:
    """The account's switch: whether it is off, and what switching it does."""
    fields = await read_kept(request, "/campaigns/sending/pause")
    return await _switch(request, fields.get("why", ""))


@post("/campaigns/sending/pause", status_code=303, guards=[console(Action.SENDING_PAUSE)])
async def stop_sending(request: ConsoleRequest) -> Response[str]:
    """Stop all sending, or show the form with its error."""
    why = (await read_fields(request)).get("why", "").strip()
    if not is_reason(why):
        return await _switch(request, why, "why")
    work = partial(pause_sending, by=request.user.user, reason=why)
    await run(request.user.account, work, actor_of(request))
    return Redirect("/campaigns/sending", status_code=303)


@post("/campaigns/sending/resume", status_code=303, guards=[console(Action.SENDING_RESUME)])
async def resume_all(request: ConsoleRequest) -> Redirect:
    """Send again; nothing changes where nothing was stopped."""
    await run(request.user.account, resume_sending, actor_of(request))
    services(request).ring(Job.DELIVER)
    return Redirect("/campaigns/sending", status_code=303)


async def _switch(request: ConsoleRequest, typed: str, wrong: str = "") -> Response[str]:
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        shown = {"stop": await read_stop(opened), "typed": typed, "wrong": wrong}
        clock = clock_for(opened, page, request.user.zone)
    status = 422 if wrong else 200
    return respond(request, "sending.html", page, status=status, clock=clock, **shown)


async def _ask(request: ConsoleRequest, campaign: UUID, change: str) -> Response[str]:
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        found = await get_campaign(opened, campaign)
    possible = found.status in CHANGES[change]
    return respond(
        request, "campaign_change.html", page, campaign=found, change=change, possible=possible
    )


async def _do(
    request: ConsoleRequest, campaign: UUID, change: Callable[[Tx, UUID], Awaitable[None]]
) -> Redirect:
    await run(request.user.account, lambda opened: change(opened, campaign), actor_of(request))
    services(request).ring(Job.DELIVER)
    return Redirect(f"/campaigns/{campaign}", status_code=303)


@route(
    "/campaigns/{campaign:uuid}/pause",
    http_method=READING,
    guards=[console(Action.CAMPAIGN_PAUSE)],
)
async def pause_form(request: ConsoleRequest, campaign: FromPath[UUID]) -> Response[str]:
    """What pausing the campaign does, and the button."""
    return await _ask(request, campaign, "pause")


@post("/campaigns/{campaign:uuid}/pause", status_code=303, guards=[console(Action.CAMPAIGN_PAUSE)])
async def pause(request: ConsoleRequest, campaign: FromPath[UUID]) -> Redirect:
    """Pause the campaign; no change where it is paused."""
    return await _do(request, campaign, lifecycle.pause_campaign)


@route(
    "/campaigns/{campaign:uuid}/resume",
    http_method=READING,
    guards=[console(Action.CAMPAIGN_RESUME)],
)
async def resume_form(request: ConsoleRequest, campaign: FromPath[UUID]) -> Response[str]:
    """What resuming the campaign does, and the button."""
    return await _ask(request, campaign, "resume")


@post(
    "/campaigns/{campaign:uuid}/resume", status_code=303, guards=[console(Action.CAMPAIGN_RESUME)]
)
async def resume(request: ConsoleRequest, campaign: FromPath[UUID]) -> Redirect:
    """Resume the campaign; no change where it is active."""
    return await _do(request, campaign, lifecycle.resume_campaign)


@route(
    "/campaigns/{campaign:uuid}/archive",
    http_method=READING,
    guards=[console(Action.CAMPAIGN_ARCHIVE)],
)
async def archive_form(request: ConsoleRequest, campaign: FromPath[UUID]) -> Response[str]:
    """What archiving the campaign does, and the button."""
    return await _ask(request, campaign, "archive")


@post(
    "/campaigns/{campaign:uuid}/archive",
    status_code=303,
    guards=[console(Action.CAMPAIGN_ARCHIVE)],
)
async def archive(request: ConsoleRequest, campaign: FromPath[UUID]) -> Redirect:
    """Archive the campaign; no change where it is archived."""
    return await _do(request, campaign, lifecycle.archive_campaign)


ROUTES: Final = (
    switch_page,
    stop_sending,
    resume_all,
    pause_form,
    pause,
    resume_form,
    resume,
    archive_form,
    archive,
)
