"""/devices: the list of technicians and devices, enrolling a device, and revoking one."""

from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import segno
from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct

from server.access.guards import console
from server.access.principals import ConsoleRequest, actor_of, asked_by, confirm
from server.access.rights import Action
from server.access.security_log import note, peer_of
from server.addresses import is_loopback
from server.console.device_list import (
    DeviceWithTechnician,
    Technician,
    read_device,
    read_devices,
    read_query,
    read_technician,
)
from server.console.nav_counts import console_frame
from server.http.problems import NotFoundError
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, respond
from sync.database import Tx, run, tx
from sync.enrolment import CODE_LIFE, issue_code, revoke


class EnrolmentCode(Struct, frozen=True):
    """A code, shown once: as letters, as a link and as a QR code (SVG). `expires`: UTC."""

    code: str
    link: str
    qr_code: str
    expires: datetime


@route("/devices", http_method=READING, guards=[console(Action.DEVICE_READ)])
async def device_list(request: ConsoleRequest) -> Response[str]:
    """Technicians with their devices, and a notice about the device that was just revoked."""
    query = request.query_params
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        technicians = await read_devices(opened, read_query(query))
        revoked = await _read_revoked(opened, query.get("ended", ""))
        clock = clock_for(opened, page, request.user.zone)
    return respond(request, "devices.html", page, list=technicians, revoked=revoked, clock=clock)


async def _read_revoked(opened: Tx, key: str) -> DeviceWithTechnician | None:
    """The device with the id `key`, if there is one and it is revoked."""
    try:
        device = await read_device(opened, UUID(key))
    except (ValueError, NotFoundError):
        return None
    return device if device.revoked is not None else None


@route("/devices/enrol/{technician:uuid}", http_method=READING, guards=[console(Action.CODE_ISSUE)])
async def enrol_form(request: ConsoleRequest, technician: FromPath[UUID]) -> Response[str]:
    """For whom a code will be issued. The button issues it: reading a page changes nothing.

    :raises NotFoundError: no active technician of this account has the id.
    """
    async with tx(request.user.account) as opened:
        return await _respond(opened, request, await read_technician(opened, technician), None)


@post("/devices/enrol/{technician:uuid}", status_code=200, guards=[console(Action.CODE_ISSUE)])
async def issue(request: ConsoleRequest, technician: FromPath[UUID]) -> Response[str]:
    """Issue a code. It is shown in this response only: in no URL, so in no history and no log.

    :raises NotFoundError: no active technician of this account has the id.
    """
    work = partial(_issue, request=request, key=technician)
    answer = await run(request.user.account, work, actor_of(request))
    by = asked_by(request)
    note("code_issued", request.user.account, peer_of(request), user=technician, by=by)
    return answer


async def _issue(opened: Tx, request: ConsoleRequest, key: UUID) -> Response[str]:
    await confirm(opened, request, Action.CODE_ISSUE)
    technician = await read_technician(opened, key)
    code = await issue_code(opened, key)
    link = f"{services(request).settings.origin}/tech/#enrol={code}"
    # Level M: readable with 15 % of it hidden. Its colours are in the style sheet.
    qr_code = segno.make_qr(link, error="m").svg_inline(
        omitsize=True, svgclass="qr", lineclass="dark"
    )
    issued = EnrolmentCode(code, link, qr_code, opened.now + CODE_LIFE)
    return await _respond(opened, request, technician, issued)


async def _respond(
    opened: Tx, request: ConsoleRequest, technician: Technician, issued: EnrolmentCode | None
) -> Response[str]:
    page = await console_frame(opened, request)
    return respond(
        request,
        "enrol.html",
        page,
        technician=technician,
        issued=issued,
        life=CODE_LIFE,
        address=f"{services(request).settings.origin}/tech/",
        is_local=is_loopback(services(request).settings.origin),
        clock=clock_for(opened, page, request.user.zone),
    )


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
