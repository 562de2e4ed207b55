"""The mailbox of `retour up`: an SMTP server on loopback that stores every mail in a file.

Mails are `.eml` files that any mail program can open. Each begins with the two lines that delivery
adds, `Return-Path` and `Delivered-To`; `raw` is the content as it was received, without them.
"""

import asyncio
import email
import email.policy
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

from aiosmtpd.smtp import SMTP, Envelope, Session
from msgspec import Struct

from sync.ids import new_id

#: The newest mails that are listed.
SHOWN: Final = 500
LARGEST: Final = 10 * 1024 * 1024
LOOPBACK: Final = "127.0.0.1"


class Message(Struct, frozen=True):
    """One mail as it was received.

    `to`: the recipients of the envelope, joined by commas. `author`: the header From, decoded.
    `received`: UTC; by the header Date, for who sends has the demonstration's clock, which may be
    ahead of this machine's.
    """

    id: UUID
    received: datetime
    sender: str
    author: str
    to: str
    subject: str
    text: str
    html: str
    raw: str


class Mailbox:
    """The mails in one folder, which is made when it is missing.

    `zone`: the time zone (IANA) for readers who are not signed in.
    """

    def __init__(self, folder: Path, zone: str = "UTC") -> None:
        self._folder = folder
        self.zone = zone
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep(self, sender: str, recipients: Iterable[str], content: bytes) -> UUID:
        """Store a mail atomically, and return its id."""
        name = new_id()
        envelope = f"Return-Path: <{sender}>\r\nDelivered-To: {', '.join(recipients)}\r\n"
        partial = self._folder / f".{name}"
        partial.write_bytes(envelope.encode() + content)
        partial.rename(self._folder / f"{name}.eml")
        return name

    def messages(self, after: UUID | None = None, limit: int = SHOWN) -> list[Message]:
        """At most `limit` mails, the newest first; with `after`, those older than it."""
        names = sorted((file.name for file in self._folder.glob("[!.]*.eml")), reverse=True)
        if after is not None:
            names = [name for name in names if name < f"{after}.eml"]
        return [_read(self._folder / name) for name in names[:limit]]

    def message(self, name: UUID) -> Message | None:
        """One mail, or None where there is none of that id."""
        file = self._folder / f"{name}.eml"
        return _read(file) if file.exists() else None


@lru_cache(maxsize=SHOWN)
def _read(file: Path) -> Message:
    """A mail's file, parsed; it never changes, so the result is cached."""
    name = UUID(file.stem)
    return_path, delivered_to, content = file.read_bytes().split(b"\r\n", 2)
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    return Message(
        id=name,
        received=_date(parsed) or datetime.fromtimestamp((name.int >> 80) / 1000, UTC),
        sender=_value(return_path).strip("<>"),
        author=str(parsed["From"] or ""),
        to=_value(delivered_to),
        subject=str(parsed["Subject"] or ""),
        text=_part(parsed, "plain"),
        html=_part(parsed, "html"),
        raw=content.decode(errors="replace"),
    )


def _date(parsed: EmailMessage) -> datetime | None:
    """The header Date, or None where it is missing or names no time in UTC."""
    header = parsed["Date"]
    moment: datetime | None = None if header is None else header.datetime
    if moment is None or moment.tzinfo is None:
        return None
    with suppress(OverflowError):  # at the end of the calendar, in another zone
        return moment.astimezone(UTC)
    return None


def _value(header: bytes) -> str:
    return header.decode().partition(": ")[2]


def _part(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    return "" if part is None else str(part.get_content())


class _Receiver:
    """Stores each mail that the SMTP server receives."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(  # noqa: N802 - the name aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.original_content or b""
        name = await asyncio.to_thread(
            self._mailbox.keep, envelope.mail_from or "", list(envelope.rcpt_tos), content
        )
        return f"250 2.0.0 stored as {name}"


async def listen(mailbox: Mailbox) -> asyncio.Server:
    """Accept mail for any recipient on a free port of the loopback interface."""
    receiver = _Receiver(mailbox)

    def connected() -> SMTP:
        return SMTP(receiver, data_size_limit=LARGEST, enable_SMTPUTF8=True, hostname="localhost")

    return await asyncio.get_running_loop().create_server(connected, LOOPBACK, 0)


def smtp_url(server: asyncio.Server) -> str:
    """The address at which `listen` accepts mail."""
    return f"smtp://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
