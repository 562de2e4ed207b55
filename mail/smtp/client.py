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
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final, cast

from msgspec import Struct

from mail.smtp.address import SmtpServer
from mail.smtp.replies import Phase, Reply, SendError, lost, unsaid

#: Replies to EHLO by servers that know only HELO (RFC 5321, 3.2).
_NO_EHLO: Final = frozenset({500, 502, 504})
#: The phases in which a mail is offered.
_OFFER: Final = (Phase.MAIL, Phase.RCPT, Phase.DATA)
#: Seconds until a server has let us in; afterwards mails have time of their own.
_OPENING: Final = 60.0
#: Bytes of a line and lines of replies that may wait to be read. RFC 5321 allows 512 bytes; a
#: reply has one line, the one to EHLO some twenty.
_LONGEST_LINE: Final = 1 << 16
_MOST_LINES: Final = 200


class Envelope(Struct, frozen=True):
    """Whom a mail is from and for, as SMTP is told; ASCII."""

    sender: str
    recipient: str

    def commands(self) -> tuple[str, ...]:
        """What is said of it, in the phases of `_OFFER`."""
        return f"MAIL FROM:<{self.sender}>\r\n", f"RCPT TO:<{self.recipient}>\r\n", "DATA\r\n"


class SmtpConnection(asyncio.Protocol):
    """A connection that was greeted, and where wanted encrypted and logged in.

    `deadline`s are of the loop's clock. After an error `usable` says whether it may go on.
    """

    def __init__(self, name: str) -> None:
        self.usable = True
        self._name = name
        self._transport: asyncio.Transport
        self._unread = b""
        self._lines: list[str] = []
        self._replies: deque[Reply] = deque()
        self._lost: OSError | None = None
        self._heard = asyncio.Event()
        self._extensions: dict[str, str] = {}
        self._stale_envelope = False
        self._awaits_content = False
        self._announced: Envelope | None = None

    @classmethod
    async def open(
        cls, server: SmtpServer, deadline: float, name: str, tls: ssl.SSLContext | None = None
    ) -> "SmtpConnection":
        """Connect, greet, encrypt and log in, by `deadline` or within a minute.

        `name`: what we call ourselves; a server may refuse those that it finds made up.

        :raises SendError: with a phase up to AUTH.
        """
        loop, connection = asyncio.get_running_loop(), cls(name)
        deadline = min(deadline, loop.time() + _OPENING)
        context = tls if tls is not None or server.security == "none" else _tls()
        secured: dict[str, Any] = {"ssl": context, "server_hostname": server.host}
        options = secured if server.security == "tls" else {}
        try:
            async with asyncio.timeout_at(deadline):
                await loop.create_connection(
                    lambda: connection, server.host, server.port, **options
                )
        except OSError as error:
            raise SendError(Phase.CONNECT, lost(error)) from error
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
        if self._announced is not None:
            assert self._announced == envelope  # noqa: S101 - the caller keeps the order
            self._announced = None
            await self._answers(_OFFER, deadline)
            return
        steps = list(zip(_OFFER, envelope.commands(), strict=True))
        if self._stale_envelope:
            steps.insert(0, (Phase.MAIL, "RSET\r\n"))
        self._stale_envelope = True
        pipelined = "PIPELINING" in self._extensions
        for together in [steps] if pipelined else [[step] for step in steps]:
            phases, commands = zip(*together, strict=True)
            self._say(phases[0], "".join(commands).encode(), deadline)
            await self._answers(phases, deadline)

    async def content(
        self, octets: bytes, deadline: float, following: Envelope | None = None
    ) -> None:
        """`octets` (lines that end in CRLF, stuffed) and the final dot, until the server took them.

        `following`: announced in the same breath where the server allows it (RFC 2920, 3.1).

        :raises SendError: in phase DATA nothing was sent; in phase CONTENT without a code nobody
            knows; with a code it was refused.
        """
        end = b".\r\n" if octets.endswith(b"\r\n") else b"\r\n.\r\n"
        if following is not None and "PIPELINING" in self._extensions:
            self._announced = following
            end += "".join(following.commands()).encode()
        self._say(Phase.DATA, octets + end, deadline)
        self._awaits_content = False
        self._stale_envelope = self._announced is not None
        await self._answer(Phase.CONTENT, deadline)

    async def quit(self, deadline: float) -> None:
        """Say goodbye if it costs no trouble, and close, which withdraws what was offered."""
        if not self._awaits_content and self._announced is None:
            with suppress(SendError):
                await self._ask(Phase.HELLO, "QUIT", deadline)
        self.close()

    def close(self) -> None:
        """Drop the connection at once."""
        self.usable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by the loop: take what is a whole reply by now."""
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
            if len(self._lines) + len(self._replies) > _MOST_LINES:
                self._fail("the server's replies have no end")
                return
        if len(self._unread) > _LONGEST_LINE:
            self._fail("the server's replies have no end")
        self._heard.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop."""
        if self._lost is None:
            self._lost = ConnectionError(str(exc or "the server closed the connection"))
        self._heard.set()

    def _fail(self, why: str) -> None:
        self._transport.abort()
        self.connection_lost(ConnectionAbortedError(why))

    async def _greet(self, server: SmtpServer, tls: ssl.SSLContext | None, deadline: float) -> None:
        await self._answer(Phase.GREETING, deadline, wanted=220)
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
            raise error.saying(f"the server offers no {needed}: {error.text}") from error

    async def _hello(self, deadline: float) -> None:
        try:
            reply = await self._ask(Phase.HELLO, f"EHLO {self._name}", deadline)
        except SendError as refusal:
            if refusal.code not in _NO_EHLO or not self.usable:
                raise
            reply = await self._ask(Phase.HELLO, f"HELO {self._name}", deadline)
        words = (line.upper().partition(" ") for line in reply.lines[1:])
        self._extensions = {name: rest for name, _, rest in words}

    async def _encrypt(self, host: str, tls: ssl.SSLContext, deadline: float) -> None:
        """Go on encrypted. What arrived before is refused: an attacker could have put it there."""
        await self._ask(Phase.TLS, "STARTTLS", deadline, wanted=220)
        try:
            if self._unread or self._lines or self._replies:
                raise ConnectionAbortedError("the server spoke before the encryption")
            loop = asyncio.get_running_loop()
            async with asyncio.timeout_at(deadline):
                made = await loop.start_tls(self._transport, self, tls, server_hostname=host)
        except OSError as error:
            raise self._cut(Phase.TLS, error) from error
        self._transport = cast("asyncio.Transport", made)

    async def _login(self, server: SmtpServer, deadline: float) -> None:
        both, name, password = (
            base64.b64encode(text.encode()).decode()
            for text in (f"\0{server.user}\0{server.password}", server.user, server.password)
        )
        offered = self._extensions.get("AUTH", "").split()
        steps = [("AUTH LOGIN", 334), (name, 334), (password, 235)]
        if "PLAIN" in offered or "LOGIN" not in offered:
            steps = [(f"AUTH PLAIN {both}", 235)]
        with unsaid(both, name, password):
            for command, wanted in steps:
                await self._ask(Phase.AUTH, command, deadline, wanted)

    async def _ask(self, phase: Phase, command: str, deadline: float, wanted: int = 250) -> Reply:
        self._say(phase, f"{command}\r\n".encode(), deadline)
        return await self._answer(phase, deadline, wanted)

    async def _answers(self, phases: Sequence[Phase], deadline: float) -> None:
        """Read every reply to what was said in `phases` before the first refusal counts."""
        refusals: dict[Phase, SendError] = {}
        for phase in phases:
            try:
                await self._answer(phase, deadline, 354 if phase is Phase.DATA else 250)
            except SendError as refusal:
                refusals.setdefault(phase, refusal)
                if not self.usable:
                    break
            else:
                self._awaits_content = phase is Phase.DATA
        if not refusals:
            return
        if (
            self._awaits_content and Phase.RCPT in refusals
        ):  # a lone dot ends that: it is for nobody
            self._awaits_content = False
            with suppress(SendError):
                await self._ask(Phase.DATA, ".", deadline)
        elif self._awaits_content:  # a dot would be an empty mail
            self.close()
        raise next(iter(refusals.values()))

    def _say(self, phase: Phase, octets: bytes, deadline: float) -> None:
        """Queue `octets`; the reply to them is what is waited for.

        After `deadline` nothing leaves any more: a process that was stopped for long may have
        lost its lease meanwhile.
        """
        if self._lost is not None:
            raise self._cut(phase, self._lost)
        if asyncio.get_running_loop().time() >= deadline:
            raise self._cut(phase, TimeoutError())
        self._transport.write(octets)

    async def _answer(self, phase: Phase, deadline: float, wanted: int = 250) -> Reply:
        """The next reply, which says `wanted` (of 250: any success)."""
        while not self._replies:
            if self._lost is not None:
                raise self._cut(phase, self._lost)
            self._heard.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._heard.wait()
            except TimeoutError as error:
                raise self._cut(phase, error) from error
        reply = self._replies.popleft()
        if reply.code == wanted or (wanted == 250 and 200 <= reply.code < 300):
            return reply
        if reply.code == 421 or reply.code < 400:
            self.close()  # it is going away, or does not know where we are
        raise reply.error(phase)

    def _cut(self, phase: Phase, error: OSError) -> SendError:
        """The failure named by `phase`; without a reply the connection is of no more use."""
        self.close()
        return SendError(phase, lost(error))


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
