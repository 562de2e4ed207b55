"""/mailbox: what the demo sent. Only where the process keeps a mailbox."""

from typing import Final
from uuid import UUID

import msgspec
from litestar import Response, route
from litestar.params import FromPath

from server.auth import visitor
from server.errors import NotFoundError
from server.mailbox import Mailbox, Message
from server.pages.page import AnyRequest, Page, clock_for, frame, respond
from server.pages.reading import READING
from sync.database import tx

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
    box = request.app.state.get("mailbox")
    if not isinstance(box, Mailbox):
        raise NotFoundError
    return box


def _message(request: AnyRequest, name: UUID) -> Message:
    """:raises NotFoundError: no such mail."""
    found = _mailbox(request).message(name)
    if found is None:
        raise NotFoundError
    return found


async def _respond(request: AnyRequest, template: str, **context: object) -> Response[str]:
    """A page for whoever comes: the mailbox is the demo's, not an account's."""
    person = request.user
    page: Page = frame(request, person)
    async with tx() as opened:
        clock = clock_for(opened, page, person.zone if person else _mailbox(request).zone)
    return respond(request, template, page, status=200, clock=clock, **context)


@route("/mailbox", http_method=READING, guards=[visitor])
async def mailbox(request: AnyRequest) -> Response[str]:
    """The mails, the newest first.

    :raises NotFoundError: the process keeps no mailbox.
    """
    return await _respond(request, "mailbox.html", messages=_mailbox(request).messages())


@route("/mailbox/messages.json", http_method=READING, guards=[visitor])
async def messages(request: AnyRequest) -> Response[bytes]:
    """The mails as JSON, the newest first.

    :raises NotFoundError: the process keeps no mailbox.
    """
    listed = msgspec.convert(_mailbox(request).messages(), list[Listed], from_attributes=True)
    return Response(msgspec.json.encode(listed), media_type="application/json")


@route("/mailbox/{name:uuid}", http_method=READING, guards=[visitor])
async def message(request: AnyRequest, name: FromPath[UUID]) -> Response[str]:
    """One mail with its text and headers.

    :raises NotFoundError: no such mail.
    """
    found = _message(request, name)
    headers = found.raw.replace("\r\n", "\n").partition("\n\n")[0]
    shown = await _respond(request, "message.html", message=found, headers=headers)
    shown.set_header("Content-Security-Policy", FRAME_POLICY)
    return shown


@route("/mailbox/{name:uuid}/html", http_method=READING, guards=[visitor], sync_to_thread=True)
def letter(request: AnyRequest, name: FromPath[UUID]) -> Response[str]:
    """The mail's own HTML, fenced in.

    :raises NotFoundError: no such mail.
    """
    return Response(
        _message(request, name).html.replace(HEAD, LINKS_OUTSIDE, 1),
        media_type="text/html",
        headers={"Content-Security-Policy": LETTER_POLICY},
    )
