"""/addresses/sender: who the account's mails come from, and which addresses are its own."""

from functools import partial
from typing import Final

from litestar import Response, post, route
from litestar.response import Redirect

from mail.campaigns.sender import SenderIdentity, read_sender, write_sender
from server.access.guards import console
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.nav_counts import console_frame
from server.web.methods import READING
from server.web.page import read_fields, respond
from sync.database import run, tx
from sync.errors import FieldError


@route("/addresses/sender", http_method=READING, guards=[console(Action.SENDER_READ)])
async def sender_page(request: ConsoleRequest) -> Response[str]:
    """What mails say of their sender, and what they lack."""
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        stored = await read_sender(opened)
    is_saved = "saved" in request.query_params
    return respond(request, "sender.html", page, sender=stored, is_saved=is_saved, wrong="")


@post("/addresses/sender", status_code=303, guards=[console(Action.SENDER_WRITE)])
async def save_sender(request: ConsoleRequest) -> Response[str]:
    """Store it, or show the form with its first error."""
    fields = await read_fields(request)
    typed = SenderIdentity(
        legal_name=fields.get("legal_name", ""),
        postal_address=fields.get("postal_address", ""),
        phone=fields.get("phone", ""),
        email=fields.get("email", ""),
        url=fields.get("url", ""),
        domains=tuple(fields.get("domains", "").split()),
    )
    try:
        await run(request.user.account, partial(write_sender, new=typed), actor_of(request))
    except FieldError as error:
        wrong = error.field.partition(".")[0]
        async with tx(request.user.account) as opened:
            page = await console_frame(opened, request)
        shown = {"sender": typed, "is_saved": False, "wrong": wrong}
        return respond(request, "sender.html", page, status=422, **shown)
    return Redirect("/addresses/sender?saved=yes", status_code=303)


ROUTES: Final = (sender_page, save_sender)
