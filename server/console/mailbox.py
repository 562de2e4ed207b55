"""/mailbox: what the demo sent. Only where the process keeps a mailbox."""

import asyncio
from typing import Final
from uuid import UUID

import msgspec
from litestar import Response, route
from litestar.params import FromPath

from server.access.guards import visitor
from server.access.rights import Action
from server.http.problems import NotFoundError
from server.runtime.mailbox import Mailbox, Message
from server.services import services
from server.web.methods import READING
from server.web.page import AnyRequest, Page, clock_for, frame, respond
from sync.database import tx

SCREENFUL: Final = 50
#: A mail has its styles inside; it may be framed by its own page and can do nothing else.
LETTER_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
)
FRAME_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
#: Links open a page of their own: inside the frame nothing of ours may be shown.
HEAD: Final = "<head>"
LINKS_OUTSIDE: Final = '<head><base target="_blank">'


class Listed(msgspec.Struct, frozen=True):
    """A mail for programs."""

    id: UUID
    to: str
    subject: str
    text: str
    html: str
    raw: str


def _mailbox(request: AnyRequest) -> Mailbox:
    """The process's mailbox.

    :raises NotFoundError: it has none.
    """
    box = services(request).mailbox
    if not isinstance(box, Mailbox):
        raise NotFoundError
    return box


def _message(request: AnyRequest, name: UUID) -> Message:
    """:raises NotFoundError: no such mail."""
    found = _mailbox(request).message(name)
    if found is None:
        raise NotFoundError
    return found


async def _screenful(request: AnyRequest) -> tuple[list[Message], UUID | None]:
    """Mails behind the one that the URL names, and after which one others follow, if any do."""
    box = _mailbox(request)
    try:
        after = UUID(request.query_params.get("after", ""))
    except ValueError:
        after = None
    found = await asyncio.to_thread(box.messages, after, SCREENFUL + 1)
    shown = found[:SCREENFUL]
    return shown, shown[-1].id if len(found) > SCREENFUL else None


async def _respond(request: AnyRequest, template: str, **context: object) -> Response[str]:
    """A page for whoever comes: the mailbox is the demo's, not an account's."""
    person = request.user
    page: Page = frame(request, person)
    async with tx() as opened:
        clock = clock_for(opened, page, person.zone if person else _mailbox(request).zone)
    return respond(request, template, page, status=200, clock=clock, **context)


@route("/mailbox", http_method=READING, guards=[visitor(Action.MAILBOX_READ)])
async def mailbox(request: AnyRequest) -> Response[str]:
    """The mails, the newest first.

    :raises NotFoundError: the process keeps no mailbox.
    """
    found, last = await _screenful(request)
    more = f"?after={last}" if last else ""
    return await _respond(request, "mailbox.html", messages=found, more=more)


@route("/mailbox/messages.json", http_method=READING, guards=[visitor(Action.MAILBOX_READ)])
async def messages(request: AnyRequest) -> Response[bytes]:
    """The mails as JSON, the newest first; a Link header (RFC 8288) says where older ones are.

    :raises NotFoundError: the process keeps no mailbox.
    """
    found, last = await _screenful(request)
    listed = msgspec.convert(found, list[Listed], from_attributes=True)
    headers = {"Link": f'</mailbox/messages.json?after={last}>; rel="next"'} if last else {}
    return Response(msgspec.json.encode(listed), media_type="application/json", headers=headers)


@route("/mailbox/{name:uuid}", http_method=READING, guards=[visitor(Action.MAILBOX_READ)])
async def message(request: AnyRequest, name: FromPath[UUID]) -> Response[str]:
    """One mail with its text and headers.

    :raises NotFoundError: no such mail.
    """
    found = _message(request, name)
    headers = found.raw.replace("\r\n", "\n").partition("\n\n")[0]
    shown = await _respond(request, "message.html", message=found, headers=headers)
    shown.set_header("Content-Security-Policy", FRAME_POLICY)
    return shown


@route(
    "/mailbox/{name:uuid}/html",
    http_method=READING,
    guards=[visitor(Action.MAILBOX_READ)],
    sync_to_thread=True,
)
def letter(request: AnyRequest, name: FromPath[UUID]) -> Response[str]:
    """The mail's own HTML, fenced in.

    :raises NotFoundError: no such mail.
    """
    return Response(
        _message(request, name).html.replace(HEAD, LINKS_OUTSIDE, 1),
        media_type="text/html",
        headers={"Content-Security-Policy": LETTER_POLICY},
    )
