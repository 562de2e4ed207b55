"""/mailbox: the mails that the demo sent; 404 where the process has no mailbox."""

import asyncio
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response, route
from litestar.params import FromPath

from server.access.guards import visitor
from server.access.rights import Action
from server.console.nav_counts import console_frame
from server.http.problems import NotFoundError
from server.runtime.mailbox import Mailbox, Message
from server.services import services
from server.web.methods import READING
from server.web.page import AnyRequest, clock_for, frame, respond
from sync.database import NO_ACCOUNT, tx

SCREENFUL: Final = 50
#: For the HTML of a mail: inline styles, framed by the page of the mail, and nothing else.
MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
)
#: For the page of a mail.
PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
#: Links open in a new tab: pages of this site may not be shown inside the frame.
HEAD: Final = "<head>"
HEAD_WITH_BASE: Final = '<head><base target="_blank">'


class MailRecord(msgspec.Struct, frozen=True):
    """A mail in the JSON list."""

    id: UUID
    to: str
    subject: str
    text: str
    html: str
    raw: str


def _mailbox(request: AnyRequest) -> Mailbox:
    """The mailbox of this process.

    :raises NotFoundError: it has none.
    """
    box = services(request).mailbox
    if not isinstance(box, Mailbox):
        raise NotFoundError
    return box


def _message(request: AnyRequest, name: UUID) -> Message:
    """The mail with the id `name`.

    :raises NotFoundError: there is no such mail.
    """
    message = _mailbox(request).message(name)
    if message is None:
        raise NotFoundError
    return message


async def _page(request: AnyRequest) -> tuple[list[Message], UUID | None]:
    """The mails of the page that the URL names, and the id of its last mail if more follow."""
    box = _mailbox(request)
    try:
        after = UUID(request.query_params.get("after", ""))
    except ValueError:
        after = None
    found = await asyncio.to_thread(box.messages, after, SCREENFUL + 1)
    shown = found[:SCREENFUL]
    return shown, shown[-1].id if len(found) > SCREENFUL else None


async def _respond(request: AnyRequest, template: str, **context: object) -> Response[str]:
    """The page, whether or not a user is signed in: the mailbox belongs to no account."""
    person = request.user
    async with tx(person.account if person else NO_ACCOUNT) as opened:
        page = await console_frame(opened, request) if person else frame(request)
        clock = clock_for(opened, page, person.zone if person else _mailbox(request).zone)
    return respond(request, template, page, status=200, clock=clock, **context)


@route("/mailbox", http_method=READING, guards=[visitor(Action.MAILBOX_READ)])
async def mailbox(request: AnyRequest) -> Response[str]:
    """The mails, the newest first.

    :raises NotFoundError: the process has no mailbox.
    """
    found, last = await _page(request)
    more = f"?after={last}" if last else ""
    first = "/mailbox" if "after" in request.query_params else ""
    return await _respond(request, "mailbox.html", messages=found, first=first, more=more)


@route("/mailbox/messages.json", http_method=READING, guards=[visitor(Action.MAILBOX_READ)])
async def messages(request: AnyRequest) -> Response[bytes]:
    """The mails as JSON, the newest first; a Link header (RFC 8288) says where older ones are.

    :raises NotFoundError: the process has no mailbox.
    """
    found, last = await _page(request)
    listed = msgspec.convert(found, list[MailRecord], from_attributes=True)
    headers = {"Link": f'</mailbox/messages.json?after={last}>; rel="next"'} if last else {}
    return Response(msgspec.json.encode(listed), media_type="application/json", headers=headers)


@route("/mailbox/{name:uuid}", http_method=READING, guards=[visitor(Action.MAILBOX_READ)])
async def message(request: AnyRequest, name: FromPath[UUID]) -> Response[str]:
    """One mail with its headers, text and HTML.

    :raises NotFoundError: there is no such mail.
    """
    found = _message(request, name)
    headers = found.raw.replace("\r\n", "\n").partition("\n\n")[0]
    shown = await _respond(request, "message.html", message=found, headers=headers)
    shown.set_header("Content-Security-Policy", PAGE_POLICY)
    return shown


@route(
    "/mailbox/{name:uuid}/html",
    http_method=READING,
    guards=[visitor(Action.MAILBOX_READ)],
    sync_to_thread=True,
)
def letter(request: AnyRequest, name: FromPath[UUID]) -> Response[str]:
    """The HTML of a mail, sandboxed.

    :raises NotFoundError: there is no such mail.
    """
    return Response(
        _message(request, name).html.replace(HEAD, HEAD_WITH_BASE, 1),
        media_type="text/html",
        headers={"Content-Security-Policy": MAIL_POLICY},
    )
