"""Who waits for news, and the one poller of an API process that tells them.

Listeners join for an account (the console) or for a technician's own feed. As long as there are
any, the heads of their accounts are read twice a second, and feeds only where a head moved. No
connection is held between polls, and an outage of the database only delays the news.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context
from typing import Final, Self, TypeAlias
from uuid import UUID

import structlog

from mail.positions import read_positions
from server.access.sessions import still_signed_in
from sync.connections import FAULTS
from sync.database import Tx, tx
from sync.enrolment import still_enrolled
from sync.feed.positions import Head, own_positions, read_heads

LOG: Final = structlog.stdlib.get_logger("retour.live")

#: Seconds between two polls.
EVERY: Final = 0.5
#: Streams of one device or session at a time: its tabs, and those whose end was not noticed yet.
MOST: Final = 10


#: Who holds a stream: a device by its id, a browser's session by its hash.
Holder: TypeAlias = UUID | bytes
#: Where something is: an epoch, and the positions in it.
Numbers: TypeAlias = tuple[int, ...]


class Listener:
    """Iterate to wait for news: one tick for all that moved since the last one.

    The first tick comes with the first poll, so whoever joins and pulls at each tick misses
    nothing. Ends when the process stops, or when its holder may not listen any more.
    """

    def __init__(
        self, account: int, technician: UUID | None = None, holder: Holder | None = None
    ) -> None:
        self.account, self.technician, self.holder = account, technician, holder
        #: The account's numbers at the last look, and what it was told then of its own.
        self.looked: Numbers | None = None
        self.seen: Numbers | None = None
        self._moved = asyncio.Event()
        self.over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> None:
        """Wait for the next tick; a wait that is cancelled loses none."""
        await self._moved.wait()
        if self.over:
            raise StopAsyncIteration
        self._moved.clear()

    def tell(self, looked: Numbers, now: Numbers) -> None:
        """Note how far what it follows is `now`; a tick if that is elsewhere than before.

        Elsewhere and not further: a restored database goes back, and devices must find out.
        """
        self.looked = looked
        if now != self.seen:
            self.seen = now
            self._moved.set()

    def end(self) -> None:
        """No more ticks."""
        self.over = True
        self._moved.set()


class Live:
    """The listeners of one API process, all on its event loop."""

    def __init__(self) -> None:
        #: By account, in the order in which they came.
        self._listeners: dict[int, dict[Listener, None]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        self._away = False

    @asynccontextmanager
    async def account(self, account: int, session: bytes | None = None) -> AsyncIterator[Listener]:
        """Ticks when anything in the account's feeds or mail moved; ends when `session` is over."""
        with self._joined(Listener(account, holder=session)) as listener:
            yield listener

    @asynccontextmanager
    async def technician(
        self, account: int, technician: UUID, device: UUID | None = None
    ) -> AsyncIterator[Listener]:
        """Ticks when the technician's own feed moved; ends when `device` is revoked."""
        with self._joined(Listener(account, technician, device)) as listener:
            yield listener

    def close(self) -> None:
        """End all listening, that which begins later too: the process stops."""
        self._closed.set()
        for listener in self._everybody():
            listener.end()

    async def closed(self) -> None:
        """Close, and wait until nothing uses the database any more."""
        self.close()
        if self._poller is not None:
            await asyncio.wait({self._poller})

    @contextmanager
    def _joined(self, listener: Listener) -> Iterator[Listener]:
        if self._closed.is_set():
            listener.end()
        self._make_room(listener)
        self._listeners.setdefault(listener.account, {})[listener] = None
        if self._poller is None:
            # In a context of its own: it outlives the request that starts it.
            self._poller = asyncio.create_task(self._poll(), context=Context())
        try:
            yield listener
        finally:
            others = self._listeners[listener.account]
            others.pop(listener, None)
            if not others:
                del self._listeners[listener.account]

    def _make_room(self, coming: Listener) -> None:
        """End the oldest of a holder that has `MOST` already: one that reconnects in a loop."""
        if coming.holder is None:
            return
        others = self._listeners.get(coming.account, {})
        same = [one for one in others if one.holder == coming.holder and not one.over]
        if len(same) >= MOST:
            same[0].end()

    def _everybody(self) -> list[Listener]:
        return [one for listeners in self._listeners.values() for one in listeners]

    async def _poll(self) -> None:
        """Look again and again while somebody listens; whoever is left when it fails is let go."""
        try:
            while self._listeners and not self._closed.is_set():
                await self._look()
                await self._pause()
        finally:
            self._poller = None
            for listener in self._everybody():
                listener.end()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(EVERY):
                await self._closed.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        """One poll. What fails in the middle is told by the next one."""
        try:
            accounts = list(self._listeners)
            mail = await read_positions(accounts)
            for account, head in (await read_heads(accounts)).items():
                await self._tell(account, head, mail.get(account, 0))
        except FAULTS as error:
            if not self._away:
                LOG.warning("live_interrupted", kind=type(error).__name__)
            self._away = True
            return
        if self._away:
            LOG.info("live_resumed")
        self._away = False

    async def _tell(self, account: int, head: Head, mail: int) -> None:
        """Devices follow the feeds alone: no mail concerns them."""
        everything = (*head, mail)
        behind = [
            one
            for one in self._listeners.get(account, ())
            if one.looked != (everything if one.technician is None else head)
        ]
        technicians = {one.technician for one in behind if one.technician is not None}
        holders = {one.holder for one in behind if one.holder is not None}
        positions: dict[UUID, int] = {}
        if technicians or holders:
            async with tx(account) as opened:
                positions = await own_positions(opened, list(technicians))
                holders -= await _still_known(opened, holders)
        for listener in behind:
            if listener.holder in holders:
                listener.end()
            elif listener.technician is None:
                listener.tell(everything, everything)
            else:
                listener.tell(head, (head.epoch, positions[listener.technician]))


async def _still_known(opened: Tx, holders: Iterable[Holder]) -> set[Holder]:
    """Those of `holders` that may still listen: one look, however many streams each has."""
    devices = [one for one in holders if isinstance(one, UUID)]
    sessions = [one for one in holders if isinstance(one, bytes)]
    return {
        *await still_enrolled(opened, devices),
        *await still_signed_in(opened, sessions),
    }
