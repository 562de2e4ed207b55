"""A device that listens to /api/v1/sync/live on a socket of its own."""

import queue
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from tests.support.processes import PATIENCE

LIVE: Final = "/api/v1/sync/live"


class Stream:
    """One open stream. `status` and `headers` are there at once, events as they come."""

    def __init__(self, origin: str, headers: Mapping[str, str], path: str = LIVE) -> None:
        where = urlsplit(origin)
        assert where.hostname is not None
        assert where.port is not None
        self.socket = socket.create_connection((where.hostname, where.port), PATIENCE)
        given = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\n{given}\r\n"
        self.socket.sendall(head.encode())
        self.lines = self.socket.makefile("rb")
        self.status = int(self.lines.readline().split()[1])
        self.headers = dict(self._headers())
        self.socket.settimeout(None)
        self._events: queue.Queue[str | None] = queue.Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _headers(self) -> list[tuple[str, str]]:
        found = []
        while line := self.lines.readline().strip():
            name, _, value = line.decode().partition(":")
            found.append((name.lower(), value.strip()))
        return found

    def _read(self) -> None:
        with suppress(OSError), self.socket, self.lines:  # the line may be cut
            for line in self.lines:
                if line.startswith(b"event: "):
                    self._events.put(line.removeprefix(b"event: ").decode().strip())
        self._events.put(None)

    def next(self) -> str | None:
        """The name of the next event; None once the stream is over."""
        return self._events.get(timeout=PATIENCE)

    def waiting(self) -> int:
        """How many events came and were not asked for."""
        return self._events.qsize()

    def cut(self) -> None:
        """Hang up without a word."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self._reading.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
