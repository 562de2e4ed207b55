"""A small SMTP client (RFC 5321, 2920, 3207, 4954) that reports the phase in which a mail failed.

A mail is two calls: `offer`, until the server waits for the content, then `content`, once the
database has recorded that it is sent. With PIPELINING the commands of an offer are sent together,
behind the content of the mail before. With eight connections to smtp-sink it is two to four times
as fast as aiosmtplib, which cannot tell a connection lost before the final dot from one after it.
"""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final, cast

from msgspec import Struct

from mail.smtp.address import SmtpServer
from mail.smtp.replies import Phase, Reply, SendError, failure_text, redacting

#: Replies to EHLO by servers that know only HELO (RFC 5321, 3.2).
_NO_EHLO: Final = frozenset({500, 502, 504})
#: The phases of an offer.
_OFFER: Final = (Phase.MAIL, Phase.RCPT, Phase.DATA)
#: Seconds for connecting, encryption and login; each mail has a deadline of its own.
_OPEN_TIMEOUT: Final = 60.0
#: Bytes of a line, and lines of replies, that may wait to be read. RFC 5321 allows 512 bytes; a
#: reply has one line, that to EHLO some twenty.
_MAX_LINE: Final = 1 << 16
_MAX_LINES: Final = 200


class Envelope(Struct, frozen=True):
    """Sender and recipient of a mail; ASCII."""

    sender: str
    recipient: str

    def commands(self) -> tuple[str, ...]:
        """Return its commands, one for each phase of an offer."""
        return f"MAIL FROM:<{self.sender}>\r\n", f"RCPT TO:<{self.recipient}>\r\n", "DATA\r\n"


class SmtpConnection(asyncio.Protocol):
    """A connection to a server, encrypted and logged in where configured.

    `deadline`s are of the loop's clock. `usable`: whether mails can be offered after an error.
    """

    def __init__(self, name: str) -> None:
        self.usable = True
        self._name = name
        self._transport: asyncio.Transport
        self._unread = b""
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._error: OSError | None = None
        self._received = asyncio.Event()
        self._extensions: dict[str, str] = {}
        self._stale_envelope = False
        self._awaits_content = False
        self._pipelined: Envelope | None = None

    @classmethod
    async def open(
        cls, server: SmtpServer, deadline: float, name: str, tls: ssl.SSLContext | None = None
    ) -> "SmtpConnection":
        """Return a connection, encrypted and logged in by `deadline` or within a minute.

        `name`: for EHLO; a server may refuse one that it cannot resolve.

        :raises SendError: in a phase up to AUTH.
        """
        loop, connection = asyncio.get_running_loop(), cls(name)
        deadline = min(deadline, loop.time() + _OPEN_TIMEOUT)
        context = tls if tls is not None or server.security == "none" else _default_tls()
        secured: dict[str, Any] = {"ssl": context, "server_hostname": server.host}
        options = secured if server.security == "tls" else {}
        try:
            async with asyncio.timeout_at(deadline):
                await loop.create_connection(
                    lambda: connection, server.host, server.port, **options
                )
        except OSError as error:
            raise SendError(Phase.CONNECT, failure_text(error)) from error
        try:
            await connection._begin(server, context, deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    async def offer(self, envelope: Envelope, deadline: float) -> None:
        """Send MAIL, RCPT and DATA; afterwards the server waits for the content.

        If an envelope was pipelined, it has to be offered next.

        :raises SendError: in phase MAIL, RCPT or DATA; no content was sent.
        """
        if self._pipelined is not None:
            assert self._pipelined == envelope  # noqa: S101 - the caller keeps the order
            self._pipelined = None
            await self._read_replies(_OFFER, deadline)
            return
        steps = list(zip(_OFFER, envelope.commands(), strict=True))
        if self._stale_envelope:
            steps.insert(0, (Phase.MAIL, "RSET\r\n"))
        self._stale_envelope = True
        pipelining = "PIPELINING" in self._extensions
        for group in [steps] if pipelining else [[step] for step in steps]:
            phases, commands = zip(*group, strict=True)
            self._write(phases[0], "".join(commands).encode(), deadline)
            await self._read_replies(phases, deadline)

    async def content(
        self, octets: bytes, deadline: float, following: Envelope | None = None
    ) -> None:
        """Send `octets` (lines that end in CRLF, dots stuffed) and the final dot; read the reply.

        `following`: envelope of the next mail, pipelined if the server allows it (RFC 2920).

        :raises SendError: in phase DATA: nothing was sent; in phase CONTENT: refused if it has a
            code, otherwise it is not known.
        """
        end = b".\r\n" if octets.endswith(b"\r\n") else b"\r\n.\r\n"
        if following is not None and "PIPELINING" in self._extensions:
            self._pipelined = following
            end += "".join(following.commands()).encode()
        self._write(Phase.DATA, octets + end, deadline)
        self._awaits_content = False
        self._stale_envelope = self._pipelined is not None
        await self._read_reply(Phase.CONTENT, deadline)

    async def quit(self, deadline: float) -> None:
        """Send QUIT, unless a mail is offered, and close the connection, which withdraws it."""
        if not self._awaits_content and self._pipelined is None:
            with suppress(SendError):
                await self._command(Phase.HELLO, "QUIT", deadline)
        self.close()

    def close(self) -> None:
        """Close the connection at once."""
        self.usable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop: parse the complete replies."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for octets in lines:
            line = octets.rstrip(b"\r").decode("utf-8", "replace")
            code = line[:3]
            if not (code.isascii() and code.isdigit()):
                self._fail("the server does not speak SMTP")
                return
            self._lines.append(line[4:])
            if line[3:4] != "-":
                self._replies.append(Reply(int(code), self._lines))
                self._lines = []
            if len(self._lines) + len(self._replies) > _MAX_LINES:
                self._fail("the server's replies have no end")
                return
        if len(self._unread) > _MAX_LINE:
            self._fail("the server's replies have no end")
        self._received.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        if self._error is None:
            self._error = ConnectionError(str(exc or "the server closed the connection"))
        self._received.set()

    def _fail(self, why: str) -> None:
        self._transport.abort()
        self.connection_lost(ConnectionAbortedError(why))

    async def _begin(self, server: SmtpServer, tls: ssl.SSLContext | None, deadline: float) -> None:
        """Read the greeting, then send EHLO, STARTTLS and AUTH as `server` needs them."""
        await self._read_reply(Phase.GREETING, deadline, wanted=220)
        await self._hello(deadline)
        try:
            if server.security == "starttls" and tls is not None:
                await self._encrypt(server.host, tls, deadline)
                await self._hello(deadline)
            if server.user:
                await self._login(server, deadline)
        except SendError as error:
            needed = {Phase.TLS: "STARTTLS", Phase.AUTH: "AUTH"}.get(error.phase)
            if error.code is None or needed is None or needed in self._extensions:
                raise
            raise error.with_text(f"the server offers no {needed}: {error.text}") from error

    async def _hello(self, deadline: float) -> None:
        try:
            reply = await self._command(Phase.HELLO, f"EHLO {self._name}", deadline)
        except SendError as refusal:
            if refusal.code not in _NO_EHLO or not self.usable:
                raise
            reply = await self._command(Phase.HELLO, f"HELO {self._name}", deadline)
        words = (line.upper().partition(" ") for line in reply.lines[1:])
        self._extensions = {name: rest for name, _, rest in words}

    async def _encrypt(self, host: str, tls: ssl.SSLContext, deadline: float) -> None:
        """Start TLS. Replies that arrived before it are refused: they could be an attacker's."""
        await self._command(Phase.TLS, "STARTTLS", deadline, wanted=220)
        try:
            if self._unread or self._lines or self._replies:
                raise ConnectionAbortedError("the server spoke before the encryption")
            loop = asyncio.get_running_loop()
            async with asyncio.timeout_at(deadline):
                encrypted = await loop.start_tls(self._transport, self, tls, server_hostname=host)
        except OSError as error:
            raise self._failed(Phase.TLS, error) from error
        self._transport = cast("asyncio.Transport", encrypted)

    async def _login(self, server: SmtpServer, deadline: float) -> None:
        both, name, password = (
            base64.b64encode(text.encode()).decode()
            for text in (f"\0{server.user}\0{server.password}", server.user, server.password)
        )
        offered = self._extensions.get("AUTH", "").split()
        steps = [("AUTH LOGIN", 334), (name, 334), (password, 235)]
        if "PLAIN" in offered or "LOGIN" not in offered:
            steps = [(f"AUTH PLAIN {both}", 235)]
        with redacting(both, name, password):
            for command, wanted in steps:
                await self._command(Phase.AUTH, command, deadline, wanted)

    async def _command(
        self, phase: Phase, command: str, deadline: float, wanted: int = 250
    ) -> Reply:
        self._write(phase, f"{command}\r\n".encode(), deadline)
        return await self._read_reply(phase, deadline, wanted)

    async def _read_replies(self, phases: Sequence[Phase], deadline: float) -> None:
        """Read the replies of all `phases`, then raise the first refusal, if any."""
        refusals: dict[Phase, SendError] = {}
        for phase in phases:
            try:
                await self._read_reply(phase, deadline, 354 if phase is Phase.DATA else 250)
            except SendError as refusal:
                refusals.setdefault(phase, refusal)
                if not self.usable:
                    break
            else:
                self._awaits_content = phase is Phase.DATA
        if not refusals:
            return
        if self._awaits_content and Phase.RCPT in refusals:
            self._awaits_content = False  # without recipients a dot ends the content
            with suppress(SendError):
                await self._command(Phase.DATA, ".", deadline)
        elif self._awaits_content:  # a dot would send an empty mail
            self.close()
        raise next(iter(refusals.values()))

    def _write(self, phase: Phase, octets: bytes, deadline: float) -> None:
        """Buffer `octets` for sending.

        Nothing is sent after `deadline`: a process that was suspended may have lost its lease.
        """
        if self._error is not None:
            raise self._failed(phase, self._error)
        if asyncio.get_running_loop().time() >= deadline:
            raise self._failed(phase, TimeoutError())
        self._transport.write(octets)

    async def _read_reply(self, phase: Phase, deadline: float, wanted: int = 250) -> Reply:
        """Return the next reply if its code is `wanted`; for 250 any success will do."""
        while not self._replies:
            if self._error is not None:
                raise self._failed(phase, self._error)
            self._received.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._received.wait()
            except TimeoutError as error:
                raise self._failed(phase, error) from error
        reply = self._replies.popleft()
        if reply.code == wanted or (wanted == 250 and 200 <= reply.code < 300):
            return reply
        if reply.code == 421 or reply.code < 400:
            self.close()  # the server is closing, or the dialogue is out of step
        raise reply.error(phase)

    def _failed(self, phase: Phase, error: OSError) -> SendError:
        """Close the connection, which is of no more use, and return the error of `phase`."""
        self.close()
        return SendError(phase, failure_text(error))


#: Made at first use: reading the system's certificates takes a while.
_default_tls: Final = cache(ssl.create_default_context)
