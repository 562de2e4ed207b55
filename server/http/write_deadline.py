"""Aborts connections whose client does not read its answer."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Final

#: Bytes a second below which a client only occupies a connection.
SLOWEST: Final = 1024


class Delivery:
    """Watches whether the client of one connection reads what was written to it."""

    #: Seconds in which the client must have read at least `SLOWEST` bytes a second.
    deadline: ClassVar[float] = 20.0

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        give_up: Callable[[], None],
    ) -> None:
        self._transport, self._loop, self._give_up = transport, loop, give_up
        self._written = 0
        self._read = 0
        self._timer: asyncio.TimerHandle | None = None

    def wrote(self, count: int) -> None:
        """Count bytes that were written; start to watch where the kernel does not take them all."""
        self._written += count
        if self._timer is None and self._transport.get_write_buffer_size():
            self._watch()

    def stop(self) -> None:
        """Stop watching: the connection is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        self._read = self._written - self._pending()
        self._timer = self._loop.call_later(self.deadline, self._check)

    def _check(self) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        if self._written - self._pending() - self._read < SLOWEST * self.deadline:
            self._give_up()
        else:
            self._watch()

    def _pending(self) -> int:
        """Bytes that the client has not acknowledged: ours, and the kernel's where it tells."""
        in_kernel = 0
        with suppress(OSError, ValueError):  # the socket may be closed already
            file: int = self._transport.get_extra_info("socket").fileno()
            answer = fcntl.ioctl(file, termios.TIOCOUTQ, bytes(4))
            in_kernel = int.from_bytes(answer, sys.byteorder)
        return in_kernel + self._transport.get_write_buffer_size()
