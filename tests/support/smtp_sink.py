"""An SMTP server that keeps what it accepts and lets a test act at an exact place."""

import asyncio
from collections import Counter, defaultdict
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Final, NamedTuple, cast

from tests.support.listening import CutError, Listening, Trap

#: The places of a transaction. `dot`: the whole message is here, nothing is answered yet.
#: `accepted`: the 250 after the dot is on its way.
PLACES: Final = ("mail", "rcpt", "data", "dot", "accepted")


class Mail(NamedTuple):
    """One accepted message."""

    recipient: str
    raw: bytes

    @property
    def parsed(self) -> EmailMessage:
        """The message, headers decoded."""
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def message_id(self) -> str:
        """Its Message-ID."""
        return str(self.parsed["Message-ID"])


class Sink(Listening):
    """`mails`: what was answered with 250, in that order. `traps`: one for each place."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Mail] = []
        self.traps = defaultdict(Trap, {place: Trap() for place in PLACES})

    @property
    def url(self) -> str:
        """Its address as a setting."""
        return f"smtp://127.0.0.1:{self.port}"

    async def serve(self) -> asyncio.Server:
        return await self.loop.create_server(lambda: _Session(self), "127.0.0.1", self.port)

    def to(self, address: str) -> list[Mail]:
        """What was accepted for `address`, however it was typed."""
        return [mail for mail in self.mails if mail.recipient.lower() == address.lower()]

    def per_address(self) -> Counter[str]:
        """How many mails each address got."""
        return Counter(mail.recipient.lower() for mail in self.mails)


class _Session(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.buffer = b""
        self.recipient = ""
        self.in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.sink.connections.add(self.transport)
        self.transport.write(b"220 sink ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self.sink.connections.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        try:
            while self._message() if self.in_message else self._command():
                pass
        except CutError:
            self.transport.abort()

    def _message(self) -> bool:
        """Take a whole message off the buffer."""
        body, dot, rest = self.buffer.partition(b"\r\n.\r\n")
        if not dot:
            return False
        self.buffer, self.in_message = rest, False
        self.sink.traps["dot"].reached()
        raw = (body + b"\r\n").replace(b"\r\n..", b"\r\n.")
        self.sink.mails.append(Mail(self.recipient, raw))
        self.transport.write(b"250 2.0.0 taken\r\n")
        self.sink.traps["accepted"].reached()
        return True

    def _command(self) -> bool:
        """Take one command off the buffer and answer it."""
        line, end, rest = self.buffer.partition(b"\r\n")
        if not end:
            return False
        self.buffer = rest
        verb = line[:4].upper().decode("latin-1")
        if verb.lower() in self.sink.traps:
            self.sink.traps[verb.lower()].reached()
        self.transport.write(self._answer(verb, line))
        if verb == "QUIT":
            self.transport.close()
        return True

    def _answer(self, verb: str, line: bytes) -> bytes:
        match verb:
            case "EHLO":
                return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
            case "RCPT":
                self.recipient = line.partition(b"<")[2].partition(b">")[0].decode()
                return b"250 2.1.5 ok\r\n"
            case "DATA":
                self.in_message = True
                return b"354 go on\r\n"
            case "QUIT":
                return b"221 2.0.0 bye\r\n"
            case _:
                return b"250 2.0.0 ok\r\n"
