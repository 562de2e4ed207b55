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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Final

from msgspec import Struct

from mail.delivery.replies import Phase, Reply, SendError, lost, unsaid
from mail.delivery.wire import Wire
from mail.smtp_address import SmtpServer

#: Replies to EHLO by servers that know only HELO (RFC 5321, 3.2).
_NO_EHLO: Final = frozenset({500, 502, 504})
#: The phases in which a mail is offered.
_OFFER: Final = (Phase.MAIL, Phase.RCPT, Phase.DATA)
#: What they are answered if all is well.
_WANTED: Final = {Phase.MAIL: 250, Phase.RCPT: 250, Phase.DATA: 354}
#: Seconds until a server has let us in; afterwards mails have time of their own.
_OPENING: Final = 60.0


class Envelope(Struct, frozen=True):
    """Whom a mail is from and for, as SMTP is told; ASCII."""

    sender: str
    recipient: str

    def commands(self) -> tuple[str, ...]:
        """What is said of it, in the phases of `_OFFER`."""
        return f"MAIL FROM:<{self.sender}>", f"RCPT TO:<{self.recipient}>", "DATA"


class SmtpConnection:
    """A connection that was greeted, and where wanted encrypted and logged in.

    `deadline`s are of the loop's clock. After an error `usable` says whether it may go on.
    """

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name
        self._extensions: dict[str, str] = {}
        self._pipelining = False
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
        if self._announced is not None:
            assert self._announced == envelope  # noqa: S101 - the caller keeps the order
            self._announced = None
            await self._answers(_OFFER, deadline)
            return
        commands: tuple[str, ...] = envelope.commands()
        phases: tuple[Phase, ...] = _OFFER
        if self._stale_envelope:
            commands, phases = ("RSET", *commands), (Phase.MAIL, *_OFFER)
        self._stale_envelope = True
        if self._pipelining:
            self._write(Phase.MAIL, _lines(commands), deadline)
            await self._answers(phases, deadline)
            return
        for phase, command in zip(phases, commands, strict=True):
            await self._ask(phase, command, deadline, _WANTED[phase])
        self._awaits_content = True

    async def content(
        self, octets: bytes, deadline: float, following: Envelope | None = None
    ) -> None:
        """`octets` (lines that end in CRLF, stuffed) and the final dot, until the server took them.

        `following`: announced in the same breath where the server allows it (RFC 2920, 3.1).

        :raises SendError: in phase DATA nothing was sent; in phase CONTENT without a code nobody
            knows; with a code it was refused.
        """
        end = b".\r\n" if octets.endswith(b"\r\n") else b"\r\n.\r\n"
        if self._pipelining and following is not None:
            self._announced = following
            end += _lines(following.commands())
        self._write(Phase.DATA, octets + end, deadline)
        reply = await self._reply(Phase.CONTENT, deadline)
        self._awaits_content = False
        self._stale_envelope = self._announced is not None
        self._expect(Phase.CONTENT, reply, 250)

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

    async def _greet(self, server: SmtpServer, tls: ssl.SSLContext | None, deadline: float) -> None:
        self._expect(Phase.GREETING, await self._reply(Phase.GREETING, deadline), 220)
        await self._hello(deadline)
        if server.security == "starttls" and tls is not None:
            with self._needing("STARTTLS"):
                await self._ask(Phase.TLS, "STARTTLS", deadline, wanted=220)
            try:
                await self._wire.encrypt(tls, server.host, deadline)
            except OSError as error:
                raise self._cut(Phase.TLS, error) from error
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
        self._pipelining = "PIPELINING" in self._extensions

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
        self._write(phase, _lines((command,)), deadline)
        reply = await self._reply(phase, deadline)
        self._expect(phase, reply, wanted)
        return reply

    async def _answers(self, phases: Sequence[Phase], deadline: float) -> None:
        """Read every reply to what was said in `phases` before the first refusal counts."""
        refusals: list[SendError] = []
        for phase in phases:
            try:
                self._expect(phase, await self._reply(phase, deadline), _WANTED[phase])
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
        with suppress(SendError):
            self._write(Phase.DATA, b".\r\n", deadline)
            await self._reply(Phase.DATA, deadline)

    def _write(self, phase: Phase, octets: bytes, deadline: float) -> None:
        try:
            self._wire.write(octets, deadline)
        except OSError as error:
            raise self._cut(phase, error) from error

    async def _reply(self, phase: Phase, deadline: float) -> Reply:
        try:
            return await self._wire.reply(deadline)
        except OSError as error:
            raise self._cut(phase, error) from error

    def _expect(self, phase: Phase, reply: Reply, wanted: int) -> None:
        if reply.code == wanted or (wanted == 250 and 200 <= reply.code < 300):
            return
        if reply.code == 421 or reply.code < 400:
            self.close()  # it is going away, or does not know where we are
        raise reply.error(phase)

    def _cut(self, phase: Phase, error: OSError) -> SendError:
        """The failure named by `phase`; without a reply the connection is of no more use."""
        self.close()
        return SendError(phase, lost(error))


def _lines(commands: Iterable[str]) -> bytes:
    return "".join(f"{command}\r\n" for command in commands).encode()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
