"""/devices: the list of technicians and devices, and revoking a device."""

from contextlib import suppress
from typing import Final
from uuid import UUID

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect

from server.access.guards import console
from server.access.principals import ConsoleRequest, actor_of, asked_by
from server.access.rights import Action
from server.access.security_log import note, peer_of
from server.console.device_list import (
    read_device,
    read_devices,
    read_query,
)
from server.console.enrolment_page import enrol_form, issue
from server.console.nav_counts import console_frame
from server.http.problems import NotFoundError
from server.web.methods import READING
from server.web.page import clock_for, respond
from sync.database import tx
from sync.enrolment import revoke


@route("/devices", http_method=READING, guards=[console(Action.DEVICE_READ)])
async def device_list(request: ConsoleRequest) -> Response[str]:
    """Technicians with their devices, and a notice about the device that was just revoked."""
    query = request.query_params
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        technicians = await read_devices(opened, read_query(query))
        revoked = None
        with suppress(ValueError, NotFoundError):  # a URL that somebody made up
            ended = await read_device(opened, UUID(query.get("ended", "")))
            revoked = ended if ended.revoked is not None else None
        clock = clock_for(opened, page, request.user.zone)
    return respond(request, "devices.html", page, list=technicians, revoked=revoked, clock=clock)


@route("/devices/{device:uuid}/revoke", http_method=READING, guards=[console(Action.DEVICE_REVOKE)])
async def revoke_form(request: ConsoleRequest, device: FromPath[UUID]) -> Response[str]:
    """The page that asks for confirmation and says what revoking does.

    :raises NotFoundError: this account has no such device.
    """
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        found = await read_device(opened, device)
        clock = clock_for(opened, page, request.user.zone)
    return respond(request, "revoke.html", page, device=found, clock=clock)


@post("/devices/{device:uuid}/revoke", status_code=303, guards=[console(Action.DEVICE_REVOKE)])
async def revoke_device(request: ConsoleRequest, device: FromPath[UUID]) -> Redirect:
    """Revoke the device; nothing changes where it is revoked already.

    :raises MissingError: this account has no such device.
    """
    async with tx(request.user.account, actor_of(request)) as opened:
        await revoke(opened, device)
    by = asked_by(request)
    note("device_revoked", request.user.account, peer_of(request), device=device, by=by)
    return Redirect(f"/devices?ended={device}", status_code=303)


ROUTES: Final = (device_list, enrol_form, issue, revoke_form, revoke_device)
