"""A server of the tests, on an event loop and a thread of its own, on any free port."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self


class Listening:
    """Start with `with`; the subclass says in `serve` what listens."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.port = 0
        self.connections: set[asyncio.WriteTransport] = set()
        self._server: asyncio.Server | None = None

    async def serve(self) -> asyncio.Server:
        """Listen on a free port of the loopback address."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.thread.start()
        self.listen()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.refuse()
        self.run(self._hang_up())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def listen(self) -> None:
        """Accept connections; again on the same port after `refuse`."""
        self._server = self.run(self.serve())
        self.port = self._server.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Stop accepting connections."""
        if self._server is not None:
            self.loop.call_soon_threadsafe(self._server.close)
            self._server = None

    def cut(self) -> None:
        """Hang up on everybody who is connected."""
        self.run(self._hang_up())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The result of `work` on the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=30)

    async def _hang_up(self) -> None:
        for _ in range(3):  # what is just being accepted is known a turn of the loop later
            for connection in list(self.connections):
                connection.abort()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0)
        for _ in range(3):  # transports close one turn of the loop after they are told to
            await asyncio.sleep(0)


class Trap:
    """Does something at one exact place, once each time it is armed, and counts the hits.

    A trial whose trap was not hit proves nothing: `hits` says so.
    """

    def __init__(self) -> None:
        self.hits = 0
        self.sprung = threading.Event()
        self._action: Callable[[], None] | None = None

    def arm(self, action: Callable[[], None]) -> None:
        """Run `action` the next time the place is reached."""
        self.sprung.clear()
        self._action = action

    def reached(self) -> None:
        """The place is reached."""
        action, self._action = self._action, None
        if action is None:
            return
        self.hits += 1
        try:
            action()
        finally:
            self.sprung.set()


class CutError(ConnectionError):
    """A trap's action raises it to break the connection at its place."""


class Held(Exception):  # noqa: N818 - it is no error: the place waits for a word
    """A trap's action raises it to let nothing pass at its place until `until` is set."""

    def __init__(self, until: threading.Event) -> None:
        super().__init__()
        self.until = until


def hold(until: threading.Event) -> None:
    """Let nothing pass here until then."""
    raise Held(until)


def cut() -> None:
    """Break the connection here."""
    raise CutError
