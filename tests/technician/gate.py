"""The network between a phone and Retour: cut, restored, or broken at an exact request."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.listening import CutError, Held, Listening, Trap

#: Bytes read at once; a request's head fits in.
CHUNK = 1 << 16
SPEAKS = re.compile(rb"(?i)(\r\nretour-protocol: )\d+")


class Gate(Listening):
    """Relays to `upstream`, a port of the loopback address that may change.

    `asked`: the request lines that passed. `sent`: bytes of answers, without their heads.
    `aged`: apps are too old, whatever version of the protocol they say to speak.
    """

    def __init__(self) -> None:
        super().__init__()
        self.upstream = 0
        self.asked: list[bytes] = []
        self.sent = 0
        self.aged = False
        self._down = False
        self._relaying: set[asyncio.Task[None]] = set()
        self._traps: dict[tuple[bytes, bool], Trap] = {}

    @property
    def origin(self) -> str:
        """What the phone calls Retour."""
        return f"http://127.0.0.1:{self.port}"

    def trap(self, request: bytes, *, answered: bool = False) -> Trap:
        """The trap at a request that starts like this: before it passes, or at its answer."""
        return self._traps.setdefault((request, answered), Trap())

    def count(self, request: bytes) -> int:
        """How many requests that start like this have passed."""
        return sum(one.startswith(request) for one in self.asked)

    def cut(self) -> None:
        """No network: open connections break, new ones are refused."""
        self._down = True
        self.refuse()
        self.run(self._hang_up())

    def fall(self) -> None:
        """A trap's action: no network from this request on."""
        self._down = True
        self.refuse()
        raise CutError

    def listen(self) -> None:
        """The network is there, again."""
        self._down = False
        super().listen()

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._accepted, "127.0.0.1", self.port)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Known before its task begins, which may be cancelled before it does.
        self.connections.add(writer.transport)
        task = asyncio.ensure_future(self._connected(reader, writer))
        self._relaying.add(task)
        task.add_done_callback(self._relaying.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            self._close(writer)
            return
        pending: list[Trap] = []
        try:
            await _either(
                self._relay(reader, up_writer, lambda chunk: self._on_request(chunk, pending)),
                self._relay(up_reader, writer, lambda chunk: self._on_answer(chunk, pending)),
            )
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the gate closes: both connections end
        finally:
            self._close(writer)
            up_writer.close()

    def _close(self, writer: asyncio.StreamWriter) -> None:
        self.connections.discard(writer.transport)
        writer.close()

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seen: Callable[[bytes], bytes],
    ) -> None:
        while chunk := await reader.read(CHUNK):
            if self._down:
                raise CutError
            try:
                chunk = seen(chunk)
            except Held as held:
                await asyncio.to_thread(held.until.wait)
            writer.write(chunk)
            await writer.drain()

    def _on_request(self, chunk: bytes, pending: list[Trap]) -> bytes:
        for (start, answered), trap in self._traps.items():
            if chunk.startswith(start):
                if answered:
                    pending.append(trap)
                else:
                    trap.reached()
        self.asked.append(chunk.partition(b"\r\n")[0])
        return SPEAKS.sub(rb"\g<1>0", chunk) if self.aged else chunk

    def _on_answer(self, chunk: bytes, pending: list[Trap]) -> bytes:
        is_head = chunk.startswith(b"HTTP/1.1 ")
        self.sent += len(chunk.partition(b"\r\n\r\n")[2] if is_head else chunk)
        while pending:
            pending.pop().reached()
        return chunk


async def _either(*ways: Coroutine[Any, Any, None]) -> None:
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for one in done:
            if (error := one.exception()) and not isinstance(error, CutError):
                raise error
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
