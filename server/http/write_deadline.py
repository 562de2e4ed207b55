"""A deadline for those who are sent an answer and do not read it."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Final

#: Bytes a second below which a client does not read but hold a place.
SLOWEST: Final = 1024


class Delivery:
    """What one connection was given, and whether it takes it."""

    #: Seconds in which at least `SLOWEST` a second must have been taken.
    deadline: ClassVar[float] = 20.0

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        give_up: Callable[[], None],
    ) -> None:
        self._transport, self._loop, self._give_up = transport, loop, give_up
        self._given = 0
        self._taken = 0
        self._timer: asyncio.TimerHandle | None = None

    def gave(self, count: int) -> None:
        """`count` bytes were written; what the kernel does not take is watched from now on."""
        self._given += count
        if self._timer is None and self._transport.get_write_buffer_size():
            self._watch()

    def stop(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        self._taken = self._given - self._pending()
        self._timer = self._loop.call_later(self.deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        if self._given - self._pending() - self._taken < SLOWEST * self.deadline:
            self._give_up()
        else:
            self._watch()

    def _pending(self) -> int:
        """Bytes that have not arrived, those that the kernel holds included where it says so."""
        held = 0
        with suppress(OSError, ValueError):  # it may be closed already
            answer = fcntl.ioctl(self._file(), termios.TIOCOUTQ, bytes(4))
            held = int.from_bytes(answer, sys.byteorder)
        return held + self._transport.get_write_buffer_size()

    def _file(self) -> int:
        number: int = self._transport.get_extra_info("socket").fileno()
        return number
