"""Our own small SMTP client (RFC 5321, 2920, 3207, 4954), because phases must be told apart.

A mail is two calls: `offer` until the server waits for the content, then, once the database knows
that it may leave, `content`. Where the server allows it the commands of an offer go out together,
and behind the content of the mail before. Measured with eight connections against smtp-sink: two
to four times aiosmtplib, which also cannot say whether a lost connection was before or after the
final dot.
"""

import asyncio
import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Final

from msgspec import Struct

from mail.delivery.errors import Phase, SendError
from mail.delivery.replies import Reply, lost, unsaid
from mail.delivery.server import SmtpServer
from mail.delivery.wire import Wire

#: Replies to EHLO by servers that know only HELO (RFC 5321, 3.2).
_NO_EHLO: Final = frozenset({500, 502, 504})
#: A reply has one line, the one to EHLO some twenty.
_MOST_LINES: Final = 200
#: Seconds until a server has let us in; afterwards mails have time of their own.
_OPENING: Final = 60.0


class Envelope(Struct, frozen=True):
    """Whom a mail is from and for, as SMTP is told; ASCII."""

    sender: str
    recipient: str


class SmtpConnection:
    """A connection that was greeted, and where wanted encrypted and logged in.

    `deadline`s are of the loop's clock. After an error `usable` says whether it may go on.
    """

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name
        self._phase = Phase.GREETING
        self._extensions: dict[str, str] = {}
        self._stale_envelope = False
        self._awaits_content = False
        self._announced: Envelope | None = None
        self.usable = True

    @classmethod
    async def open(
        cls,
        server: SmtpServer,
        deadline: float,
        name: str,
        tls: ssl.SSLContext | None = None,
    ) -> "SmtpConnection":
        """Connect, greet, encrypt and log in, by `deadline` or within a minute.

        `name`: what we call ourselves; a server may refuse those that it finds made up.

        :raises SendError: with a phase up to AUTH.
        """
        deadline = min(deadline, asyncio.get_running_loop().time() + _OPENING)
        context = tls if tls is not None or server.security == "none" else _tls()
        try:
            implicit = context if server.security == "tls" else None
            wire = await Wire.connect(server.host, server.port, implicit, deadline)
        except OSError as error:
            raise SendError(Phase.CONNECT, lost(error)) from error
        connection = cls(wire, name)
        try:
            await connection._greet(server, context, deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    async def offer(self, envelope: Envelope, deadline: float) -> None:
        """MAIL, RCPT and DATA; afterwards the server waits for the content.

        One that was announced has to be offered next.

        :raises SendError: in phase MAIL, RCPT or DATA; nothing was sent.
        """
        commands = _offering(envelope)
        if self._announced is not None:
            assert self._announced == envelope  # noqa: S101 - the caller keeps the order
            self._announced = None
            await self._answers(commands, deadline)
            return
        if self._stale_envelope:
            commands.insert(0, (Phase.MAIL, "RSET"))
        self._stale_envelope = True
        if self._pipelining:
            with self._in_phase(Phase.MAIL):
                self._wire.write(_together(commands), deadline)
            await self._answers(commands, deadline)
            return
        for phase, command in commands:
            await self._ask(phase, command, deadline, _wanted(phase))
        self._awaits_content = True

    async def content(
        self, octets: bytes, deadline: float, following: Envelope | None = None
    ) -> None:
        """`octets` (lines that end in CRLF) and the final dot, until the server took them.

        `following`: announced in the same breath where the server allows it (RFC 2920, 3.1).

        :raises SendError: in phase DATA nothing was sent; in phase CONTENT without a code nobody
            knows; with a code it was refused.
        """
        breath = stuffed(octets)
        if self._pipelining:
            self._announced = following
            breath += b"" if following is None else _together(_offering(following))
        with self._in_phase(Phase.DATA):
            self._wire.write(breath, deadline)
        with self._in_phase(Phase.CONTENT):
            await self._wire.flush(deadline)
            reply = await self._reply(deadline)
            self._awaits_content = False
            self._stale_envelope = self._announced is not None
            self._expect(reply, 250)

    async def quit(self, deadline: float) -> None:
        """Say goodbye if it costs no trouble, and close, which withdraws what was offered."""
        if not self._awaits_content and self._announced is None:
            with suppress(SendError):
                await self._ask(Phase.HELLO, "QUIT", deadline)
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        self.usable = False
        self._wire.close()

    @property
    def _pipelining(self) -> bool:
        return "PIPELINING" in self._extensions

    async def _greet(self, server: SmtpServer, tls: ssl.SSLContext | None, deadline: float) -> None:
        with self._in_phase(Phase.GREETING):
            self._expect(await self._reply(deadline), 220)
        await self._hello(deadline)
        if server.security == "starttls" and tls is not None:
            with self._needing("STARTTLS"):
                await self._ask(Phase.TLS, "STARTTLS", deadline, wanted=220)
            with self._in_phase(Phase.TLS):
                await self._wire.encrypt(tls, server.host, deadline)
            await self._hello(deadline)
        if server.user:
            with self._needing("AUTH"):
                await self._login(server, deadline)

    async def _hello(self, deadline: float) -> None:
        try:
            reply = await self._ask(Phase.HELLO, f"EHLO {self._name}", deadline)
        except SendError as refusal:
            if refusal.code not in _NO_EHLO or not self.usable:
                raise
            reply = await self._ask(Phase.HELLO, f"HELO {self._name}", deadline)
        words = (line.upper().partition(" ") for line in reply.lines[1:])
        self._extensions = {name: rest for name, _, rest in words}

    async def _login(self, server: SmtpServer, deadline: float) -> None:
        offered = self._extensions.get("AUTH", "").split()
        if "PLAIN" in offered or "LOGIN" not in offered:
            secret = _base64(f"\0{server.user}\0{server.password}")
            with unsaid(secret):
                await self._ask(Phase.AUTH, f"AUTH PLAIN {secret}", deadline, wanted=235)
            return
        name, secret = _base64(server.user), _base64(server.password)
        with unsaid(name, secret):
            await self._ask(Phase.AUTH, "AUTH LOGIN", deadline, wanted=334)
            await self._ask(Phase.AUTH, name, deadline, wanted=334)
            await self._ask(Phase.AUTH, secret, deadline, wanted=235)

    @contextmanager
    def _needing(self, extension: str) -> Iterator[None]:
        """Where a refusal follows because the server does not offer `extension`, say so."""
        try:
            yield
        except SendError as error:
            if extension in self._extensions or error.code is None:
                raise
            raise error.saying(f"the server offers no {extension}: {error.text}") from error

    async def _ask(self, phase: Phase, command: str, deadline: float, wanted: int = 250) -> Reply:
        with self._in_phase(phase):
            self._wire.write(command.encode() + b"\r\n", deadline)
            reply = await self._reply(deadline)
            self._expect(reply, wanted)
        return reply

    async def _answers(self, commands: list[tuple[Phase, str]], deadline: float) -> None:
        """Read every reply to `commands` before the first refusal counts."""
        refusals: list[SendError] = []
        for phase, _ in commands:
            try:
                with self._in_phase(phase):
                    self._expect(await self._reply(deadline), _wanted(phase))
            except SendError as refusal:
                if not self.usable:
                    raise refusals[0] if refusals else refusal from refusal
                refusals.append(refusal)
            else:
                self._awaits_content = phase is Phase.DATA
        if refusals:
            if self._awaits_content:
                await self._take_back(refusals, deadline)
            raise refusals[0]

    async def _take_back(self, refusals: list[SendError], deadline: float) -> None:
        """The server wants content all the same: a lone dot ends that where it is for nobody.

        Where the recipient stands, a dot would be an empty mail.
        """
        if not any(refusal.phase is Phase.RCPT for refusal in refusals):
            self.close()
            return
        self._awaits_content = False
        with suppress(SendError), self._in_phase(Phase.DATA):
            self._wire.write(b".\r\n", deadline)
            await self._reply(deadline)

    async def _reply(self, deadline: float) -> Reply:
        lines: list[str] = []
        while len(lines) < _MOST_LINES:
            line = (await self._wire.line(deadline)).decode("utf-8", "replace")
            if not line[:3].isascii() or not line[:3].isdigit():
                raise ConnectionAbortedError("the server does not speak SMTP")
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), lines)
        raise ConnectionAbortedError("the server's reply has no end")

    def _expect(self, reply: Reply, wanted: int) -> None:
        if reply.code == wanted or (wanted == 250 and 200 <= reply.code < 300):
            return
        if reply.code == 421 or reply.code < 400:
            self.close()  # it is going away, or does not know where we are
        raise reply.error(self._phase)

    @contextmanager
    def _in_phase(self, phase: Phase) -> Iterator[None]:
        """Name what fails inside by `phase`; without a reply the connection is of no more use."""
        self._phase = phase
        try:
            yield
        except OSError as error:
            self.close()
            raise SendError(phase, lost(error)) from error


def _offering(envelope: Envelope) -> list[tuple[Phase, str]]:
    return [
        (Phase.MAIL, f"MAIL FROM:<{envelope.sender}>"),
        (Phase.RCPT, f"RCPT TO:<{envelope.recipient}>"),
        (Phase.DATA, "DATA"),
    ]


def _wanted(phase: Phase) -> int:
    return 354 if phase is Phase.DATA else 250


def _together(commands: list[tuple[Phase, str]]) -> bytes:
    return "".join(f"{command}\r\n" for _, command in commands).encode()


def stuffed(octets: bytes) -> bytes:
    """`octets` as they travel: dots at the start of lines doubled, and the final dot (4.5.2)."""
    head = b"." if octets.startswith(b".") else b""
    end = b".\r\n" if octets.endswith(b"\r\n") else b"\r\n.\r\n"
    return head + octets.replace(b"\r\n.", b"\r\n..") + end


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
