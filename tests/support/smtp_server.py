"""An SMTP server that listens, accepts everything, and says or does otherwise where it is told.

async with SmtpServer() as server:
    server.next("RCPT", "450 4.2.0 later")   # the next time only
    server.always["DATA"] = HANG
"""

import asyncio
import ssl
from collections import defaultdict, deque
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Final, NamedTuple, Self

#: In place of a reply: say nothing more; break the connection; break it after taking the mail.
HANG: Final = "hang"
CUT: Final = "cut"
TAKE_AND_CUT: Final = "take and cut"

#: What is said unless told otherwise. GREETING and DOT are no verbs, but places of a dialogue;
#: without words of its own EHLO names the extensions.
USUAL: Final = {
    "GREETING": "220 here ESMTP",
    "EHLO": "",
    "HELO": "250 here",
    "STARTTLS": "220 2.0.0 go ahead",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 ok",
    "RCPT": "250 2.1.5 ok",
    "DATA": "354 go on",
    "DOT": "250 2.0.0 taken",
    "RSET": "250 2.0.0 ok",
    "QUIT": "221 2.0.0 bye",
}


class Mail(NamedTuple):
    """A message that is here, dots unstuffed."""

    sender: str
    recipient: str
    raw: bytes

    @property
    def parsed(self) -> EmailMessage:
        """The message, headers decoded."""
        return message_from_bytes(self.raw, policy=policy.default)

    def text(self, kind: str = "plain") -> str:
        """Its part of type text/`kind`."""
        part = self.parsed.get_body((kind,))
        assert part is not None
        return str(part.get_content())


class SmtpServer:
    """`mails`: what was taken. `commands`: what was said to it. `greeted`: connections so far.

    `always`: replies by place. `refused`: replies to RCPT by recipient. `extensions`: offered.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.mails: list[Mail] = []
        self.commands: list[str] = []
        self.greeted = 0
        self.always = dict(USUAL)
        self.refused: dict[str, str] = {}
        self.extensions = ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"]
        self.port = 0
        self.heard = asyncio.Condition()
        self._tls = tls
        self._once: defaultdict[str, deque[str]] = defaultdict(deque)
        self._server: asyncio.Server | None = None
        self._dialogues: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        """Its address as a setting."""
        return f"smtp://127.0.0.1:{self.port}"

    def next(self, place: str, *replies: str) -> None:
        """Give `replies` the next times that `place` is reached."""
        self._once[place].extend(replies)

    def reply(self, place: str) -> str:
        """What is said at `place` now."""
        return self._once[place].popleft() if self._once[place] else self.always[place]

    def to(self, address: str) -> list[Mail]:
        """What was taken for `address`."""
        return [mail for mail in self.mails if mail.recipient == address]

    def said(self, verb: str) -> int:
        """How often a command was given."""
        return sum(command.upper().startswith(verb) for command in self.commands)

    async def until(self, verb: str, times: int = 1) -> None:
        """Return once a command was given so often, on all connections together."""
        async with asyncio.timeout(10), self.heard:
            await self.heard.wait_for(lambda: self.said(verb) >= times)

    async def ended(self) -> None:
        """Return once all clients have gone, and all that they sent was heard."""
        async with asyncio.timeout(10):
            while self._dialogues:
                await asyncio.wait(self._dialogues)

    async def hear(self, command: str) -> None:
        """Note a command."""
        async with self.heard:
            self.commands.append(command)
            self.heard.notify_all()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def listen(self) -> None:
        """Accept connections; again on the same port after `stop`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections and break those that are open."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        dialogues = dict(self._dialogues)
        for task, writer in dialogues.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*dialogues, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._dialogues[task] = writer
        try:
            await _Dialogue(self, reader, writer, self._tls).serve()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            del self._dialogues[task]


class _Dialogue:
    def __init__(
        self,
        server: SmtpServer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._server, self._reader, self._writer, self._tls = server, reader, writer, tls
        self._sender = self._recipient = ""
        self._begun = self._deliverable = False

    async def serve(self) -> None:
        self._server.greeted += 1
        await self._say(self._server.reply("GREETING"))
        while True:
            command = (await self._reader.readuntil(b"\r\n")).decode().rstrip()
            await self._server.hear(command)
            verb = command.partition(" ")[0].upper()
            if verb == "EHLO":
                offered = "\r\n".join(_lines(["here", *self._server.extensions]))
                await self._say(self._server.reply("EHLO") or offered)
            elif not await self._usual(verb, command):
                return

    async def _usual(self, verb: str, command: str) -> bool:
        address = command.partition("<")[2].partition(">")[0]
        reply = self._reply(verb, address)
        if verb == "MAIL":
            self._sender = address
        elif verb == "RCPT":
            self._recipient = address
        if reply.startswith("250"):
            self._note(verb)
        await self._say(reply)
        if verb == "DATA" and reply.startswith("354"):
            await self._take()
        elif verb == "STARTTLS" and reply.startswith("220") and self._tls is not None:
            await self._writer.start_tls(self._tls)
        elif verb == "AUTH":
            await self._log_in(reply)
        return verb != "QUIT"

    def _note(self, verb: str) -> None:
        """What an accepted command changes."""
        if verb in ("MAIL", "RSET"):
            self._begun, self._deliverable = verb == "MAIL", False
        elif verb == "RCPT":
            self._deliverable = True

    def _reply(self, verb: str, address: str) -> str:
        refusal = self._server.refused.get(address) if verb == "RCPT" else None
        reply = refusal or self._server.reply(verb)
        if verb == "MAIL" and self._begun:
            return "503 5.5.1 one at a time"
        if verb == "RCPT" and not self._begun and reply == USUAL["RCPT"]:
            return "503 5.5.1 from whom?"
        if verb == "DATA" and not self._deliverable and reply == USUAL["DATA"]:
            return "503 5.5.1 for whom?"
        return reply

    async def _log_in(self, reply: str) -> None:
        while reply.startswith("334"):
            self._server.commands.append((await self._reader.readuntil(b"\r\n")).decode().rstrip())
            reply = self._server.reply("AUTH")
            await self._say(reply)

    async def _take(self) -> None:
        lines = []
        while (line := await self._reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        self._begun = self._deliverable = False
        reply = self._server.reply("DOT")
        if reply.startswith("250") or reply == TAKE_AND_CUT:
            raw = b"".join(lines)
            self._server.mails.append(Mail(self._sender, self._recipient, raw))
        await self._say(reply)

    async def _say(self, reply: str) -> None:
        if reply == HANG:
            await self._reader.read()  # until the other side gives up
        if reply in (HANG, CUT, TAKE_AND_CUT):
            raise ConnectionAbortedError
        self._writer.write(f"{reply}\r\n".encode())
        await self._writer.drain()


def _lines(texts: list[str]) -> list[str]:
    return [f"250{'-' if more else ' '}{text}" for text, more in _with_more(texts)]


def _with_more(texts: list[str]) -> list[tuple[str, bool]]:
    return [(text, place < len(texts) - 1) for place, text in enumerate(texts)]
