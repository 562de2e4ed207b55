"""The poller of an API process, which notifies listeners when a feed has new positions.

Listeners follow an account (the console) or a technician's own feed. While there are any, the heads
of their accounts are read twice a second, and feeds only where a head moved. No database connection
is occupied between polls, and an outage of the database only delays notifications.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context
from typing import Final, Self, TypeAlias
from uuid import UUID

import structlog

from mail.positions import read_positions
from server.access.sessions import still_signed_in
from sync.connections import FAULTS
from sync.database import tx
from sync.enrolment import still_enrolled
from sync.feed.listened_positions import Head, own_positions, read_heads

LOG: Final = structlog.stdlib.get_logger("retour.live")

#: Seconds between two polls.
EVERY: Final = 0.5
#: Streams of one device or session at a time: its tabs, and streams whose end is not noticed yet.
MOST: Final = 10


#: The owner of a stream: a device by its id, a browser's session by its hash.
StreamOwner: TypeAlias = UUID | bytes
#: An epoch, and positions in it.
Numbers: TypeAlias = tuple[int, ...]


class Listener:
    """An iterator with one tick for all changes since the last tick.

    The first tick comes with the first poll, so that a client that pulls at each tick misses no
    change. Ends when the process stops, or when its owner may not listen any more.
    """

    def __init__(
        self, account: int, technician: UUID | None = None, owner: StreamOwner | None = None
    ) -> None:
        self.account, self.technician, self.owner = account, technician, owner
        #: The account's positions at the last poll, and the listener's own, which it was sent.
        self.account_positions: Numbers | None = None
        self.sent_positions: Numbers | None = None
        self._moved = asyncio.Event()
        self.over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> None:
        """Wait for the next tick; no tick is lost when a wait is cancelled."""
        await self._moved.wait()
        if self.over:
            raise StopAsyncIteration
        self._moved.clear()

    def update(self, account_positions: Numbers, own: Numbers) -> None:
        """Record the account's positions and the listener's own; a tick if its own differ.

        They may be lower: a database that was restored goes back, and devices must pull then, too.
        """
        self.account_positions = account_positions
        if own != self.sent_positions:
            self.sent_positions = own
            self._moved.set()

    def end(self) -> None:
        """End the iteration."""
        self.over = True
        self._moved.set()


class Live:
    """The listeners of one API process; used on its event loop only."""

    def __init__(self) -> None:
        #: By account, in the order in which they joined.
        self._listeners: dict[int, dict[Listener, None]] = {}
        self._poller: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        self._is_interrupted = False

    @asynccontextmanager
    async def account(self, account: int, session: bytes | None = None) -> AsyncIterator[Listener]:
        """Ticks for changes in the account's feeds and mails, until `session` ends."""
        with self._joined(Listener(account, owner=session)) as listener:
            yield listener

    @asynccontextmanager
    async def technician(
        self, account: int, technician: UUID, device: UUID | None = None
    ) -> AsyncIterator[Listener]:
        """Ticks for changes in the technician's own feed, until `device` is revoked."""
        with self._joined(Listener(account, technician, device)) as listener:
            yield listener

    def close(self) -> None:
        """End all listeners, and those that join later at once: the process stops."""
        self._closed.set()
        for listener in self._all():
            listener.end()

    async def closed(self) -> None:
        """Close, and wait until the poller does not use the database any more."""
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

    def _make_room(self, joining: Listener) -> None:
        """End the oldest listener of an owner that has `MOST`: it may reconnect in a loop."""
        if joining.owner is None:
            return
        others = self._listeners.get(joining.account, {})
        same = [other for other in others if other.owner == joining.owner and not other.over]
        if len(same) >= MOST:
            same[0].end()

    def _all(self) -> list[Listener]:
        return [listener for listeners in self._listeners.values() for listener in listeners]

    async def _poll(self) -> None:
        """Poll while there are listeners; those that are left when it fails are ended."""
        try:
            while self._listeners and not self._closed.is_set():
                await self._poll_once()
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        await self._closed.wait()
        finally:
            self._poller = None
            for listener in self._all():
                listener.end()

    async def _poll_once(self) -> None:
        """Notify all listeners; those that an outage leaves out are notified by the next poll."""
        try:
            accounts = list(self._listeners)
            mail = await read_positions(accounts)
            for account, head in (await read_heads(accounts)).items():
                await self._notify(account, head, mail.get(account, 0))
        except FAULTS as error:
            if not self._is_interrupted:
                LOG.warning("live_interrupted", kind=type(error).__name__)
            self._is_interrupted = True
            return
        if self._is_interrupted:
            LOG.info("live_resumed")
        self._is_interrupted = False

    async def _notify(self, account: int, head: Head, mail: int) -> None:
        """Notify an account's listeners. Devices follow feeds only; no mail concerns them."""
        everything = (*head, mail)
        behind = [
            listener
            for listener in self._listeners.get(account, ())
            if listener.account_positions != (everything if listener.technician is None else head)
        ]
        technicians = {item.technician for item in behind if item.technician is not None}
        owners = {item.owner for item in behind if item.owner is not None}
        positions: dict[UUID, int] = {}
        if technicians or owners:
            async with tx(account) as opened:
                positions = await own_positions(opened, list(technicians))
                # Each owner is looked up once, whatever its streams.
                owners -= await still_enrolled(
                    opened, [owner for owner in owners if isinstance(owner, UUID)]
                )
                owners -= await still_signed_in(
                    opened, [owner for owner in owners if isinstance(owner, bytes)]
                )
        for listener in behind:
            if listener.owner in owners:
                listener.end()
            elif listener.technician is None:
                listener.update(everything, everything)
            else:
                listener.update(head, (head.epoch, positions[listener.technician]))
