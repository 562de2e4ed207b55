"""/devices/enrol/{technician}: a code for a device, as letters and as a QR code, until it is used.

A code is computed from the server's secret and an id, and only the id is in the URL: so the page
can be read again and shows the same code, although the database has no more than its hash.
"""

import hashlib
import hmac
from datetime import datetime
from typing import Final, Literal
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
from server.console.device_list import Technician, read_technician
from server.console.nav_counts import console_frame
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, respond
from sync.database import Tx, run, tx
from sync.enrolment import CODE_LIFE, code_from, issue_code, read_code
from sync.ids import new_id

PATH: Final = "/devices/enrol/{technician:uuid}"


class EnrolmentCode(Struct, frozen=True, kw_only=True):
    """A code that was issued: as letters, and as a QR code (SVG). `expires`: UTC.

    `device`: the name of the device that it enrolled.
    """

    state: Literal["waiting", "used", "expired"]
    code: str
    qr_code: str
    expires: datetime
    device: str | None


@route(PATH, http_method=READING, guards=[console(Action.CODE_ISSUE)])
async def enrol_form(request: ConsoleRequest, technician: FromPath[UUID]) -> Response[str]:
    """For whom a code will be issued, or the code that the URL names and what became of it.

    The button issues it: reading a page changes nothing.

    :raises NotFoundError: no active technician of this account has the id.
    """
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        found = await read_technician(opened, technician)
        issued = await _read_issued(opened, request, found)
        clock = clock_for(opened, page, request.user.zone)
    return respond(
        request,
        "enrol.html",
        page,
        technician=found,
        issued=issued,
        life=CODE_LIFE,
        address=f"{services(request).settings.origin}/tech/",
        is_local=is_loopback(services(request).settings.origin),
        clock=clock,
    )


async def _read_issued(
    opened: Tx, request: ConsoleRequest, technician: Technician
) -> EnrolmentCode | None:
    """The code whose id is in the URL; None where the technician was issued none such."""
    try:
        key = UUID(request.query_params.get("code", ""))
    except ValueError:
        return None
    origin = services(request).settings.origin
    code = code_from(opened.account, _seed(request, key))
    issued = await read_code(opened, technician.id, code)
    if issued is None:
        return None
    # Level M: readable with 15 % of it hidden. Its colours are in the style sheet.
    qr_code = segno.make_qr(f"{origin}/tech/#enrol={code}", error="m").svg_inline(
        omitsize=True, svgclass="qr", lineclass="dark"
    )
    over: Literal["waiting", "expired"] = "waiting" if opened.now < issued.expires_at else "expired"
    return EnrolmentCode(
        state="used" if issued.used_at else over,
        code=code,
        qr_code=qr_code,
        expires=issued.expires_at,
        device=issued.device,
    )


def _seed(request: ConsoleRequest, key: UUID) -> bytes:
    """The secret bytes of the code with the id `key`, which only this server can compute."""
    message = b"enrolment code:" + request.user.account.to_bytes(8, "big") + key.bytes
    return hmac.digest(services(request).settings.secret.encode(), message, hashlib.sha256)


@post(PATH, status_code=303, guards=[console(Action.CODE_ISSUE)])
async def issue(request: ConsoleRequest, technician: FromPath[UUID]) -> Redirect:
    """Issue a code, and lead to the page that shows it.

    :raises NotFoundError: no active technician of this account has the id.
    """
    key = new_id()

    async def work(opened: Tx) -> None:
        await confirm(opened, request, Action.CODE_ISSUE)
        await read_technician(opened, technician)
        await issue_code(opened, technician, _seed(request, key))

    await run(request.user.account, work, actor_of(request))
    by = asked_by(request)
    note("code_issued", request.user.account, peer_of(request), user=technician, by=by)
    return Redirect(f"/devices/enrol/{technician}?code={key}", status_code=303)
