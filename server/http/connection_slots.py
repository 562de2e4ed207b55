"""How many connections a process holds, and which of them goes when another one comes.

Files are what runs out first. Whoever waits for us keeps its place; whoever lets us wait, for a
head, for a body or for taking its answer, gives it up to others when there are no more.
"""

import os
import resource
from typing import Final, Protocol

import structlog

LOG: Final = structlog.stdlib.get_logger("retour.http")

#: Files of a process that are not connections to us, beside its pools: logs, the broker, names to
#: look up, connections that are about to be closed.
OTHERS: Final = 16
#: Places where files would allow more, and where they would hardly allow any.
MOST: Final = 10_000
FEWEST: Final = 16
#: A network address may let us wait with this part of the places before it goes first.
_SHARE: Final = 4
#: Of this many places streams get all but one.
_QUARTERS: Final = 4


class ConnectionSlot(Protocol):
    """A connection. `peer`: its network address."""

    peer: str

    def let_go(self) -> None:
        """End it at once."""


def slots_for(pools: int) -> int:
    """The connections that this process may hold, by its limit of open files.

    `pools`: connections of its own that it may open later, to the database and to mail servers.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST
    in_use = len(os.listdir("/dev/fd"))  # noqa: PTH208 - names of numbers, which are no paths
    return max(FEWEST, min(MOST, files - in_use - pools - OTHERS))


class ConnectionSlots:
    """The connections of one process, `most` at a time; all calls on its event loop."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.streams = 0
        self._all: set[ConnectionSlot] = set()
        #: Those without a whole request, longest first; by address too.
        self._waiting: dict[ConnectionSlot, None] = {}
        self._of_peer: dict[str, dict[ConnectionSlot, None]] = {}
        #: Those that do not take their answer, longest first.
        self._stuck: dict[ConnectionSlot, None] = {}
        self._full = False

    def enter(self, coming: ConnectionSlot) -> None:
        """Hold one more connection, without a request so far; the place may be another's."""
        if len(self._all) >= self.most:
            self._make_room(coming.peer)
        self._all.add(coming)
        self.wait(coming)

    def leave(self, one: ConnectionSlot) -> None:
        """It is gone."""
        self._all.discard(one)
        self._stuck.pop(one, None)
        self._forget_waiting(one)
        self._full = self._full and len(self._all) * _QUARTERS > self.most * (_QUARTERS - 1)

    def wait(self, one: ConnectionSlot) -> None:
        """It is its turn to send a request."""
        if one in self._all:
            self._forget_waiting(one)
            self._waiting[one] = None
            self._of_peer.setdefault(one.peer, {})[one] = None

    def serve(self, one: ConnectionSlot) -> None:
        """Its request is whole: it is our turn."""
        self._forget_waiting(one)

    def stick(self, one: ConnectionSlot) -> None:
        """It does not take what it is sent."""
        if one in self._all:
            self._stuck[one] = None

    def flow(self, one: ConnectionSlot) -> None:
        """It takes again what it is sent."""
        self._stuck.pop(one, None)

    def has_room(self, *, stream: bool) -> bool:
        """Whether one more request is served; a quarter of the places is not for streams."""
        if stream and self.streams * _QUARTERS >= self.most * (_QUARTERS - 1):
            return False
        return len(self._all) - len(self._waiting) <= self.most

    def _make_room(self, peer: str) -> None:
        if not self._full:
            self._full = True
            LOG.warning("connections_full", most=self.most, waiting=len(self._waiting))
        own = self._of_peer.get(peer, {})
        candidates = own if len(own) * _SHARE > self.most else self._waiting or self._stuck
        oldest = next(iter(candidates), None)
        if oldest is not None:
            self.leave(oldest)
            oldest.let_go()

    def _forget_waiting(self, one: ConnectionSlot) -> None:
        self._waiting.pop(one, None)
        own = self._of_peer.get(one.peer, {})
        own.pop(one, None)
        if not own:
            self._of_peer.pop(one.peer, None)
