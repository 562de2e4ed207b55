"""Limits the connections of a process, and chooses which one is closed to admit another.

File descriptors run out first. A client that waits for an answer keeps its connection. One that the
server waits for, to send its request or to read its answer, may lose it to a new client.
"""

import os
import resource
from typing import Final, Protocol

import structlog

LOG: Final = structlog.stdlib.get_logger("retour.http")

#: Files of a process besides clients' connections and its pools: logs, the broker, name lookups,
#: connections that are about to be closed.
OTHERS: Final = 16
#: Slots where the limit of files would allow more, and where it would allow fewer.
MOST: Final = 10_000
FEWEST: Final = 16
#: An address with more than a quarter of the slots in waiting connections loses its own first.
_OWN_SHARE: Final = 4
#: Streams may take three quarters of the slots; a full process is logged anew below that.
_MOST_STREAMS: Final = 0.75


class ConnectionSlot(Protocol):
    """A connection that occupies a slot. `peer`: its network address."""

    peer: str

    def abort(self) -> None:
        """Close it at once."""


def slots_for(pools: int) -> int:
    """The number of clients' connections that the process's limit of open files allows.

    `pools`: connections that the process may open itself, to the database and to mail servers.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST
    in_use = len(os.listdir("/dev/fd"))  # noqa: PTH208 - names are numbers, not paths
    return max(FEWEST, min(MOST, files - in_use - pools - OTHERS))


class ConnectionSlots:
    """The connections of one process, at most `most`; called on its event loop only."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.streams = 0
        self._all: set[ConnectionSlot] = set()
        #: Connections without a whole request, those that wait longest first; by address, too.
        self._waiting: dict[ConnectionSlot, None] = {}
        self._of_peer: dict[str, dict[ConnectionSlot, None]] = {}
        #: Connections that do not read their answer, those that stalled first in front.
        self._stalled: dict[ConnectionSlot, None] = {}
        self._full = False

    def enter(self, connection: ConnectionSlot) -> None:
        """Add a connection, which waits for its first request; another may be closed for it."""
        if len(self._all) >= self.most:
            self._make_room(connection.peer)
        self._all.add(connection)
        self.wait(connection)

    def leave(self, connection: ConnectionSlot) -> None:
        """Remove a connection that was closed."""
        self._all.discard(connection)
        self._stalled.pop(connection, None)
        self.stop_waiting(connection)
        self._full = self._full and len(self._all) > self.most * _MOST_STREAMS

    def wait(self, connection: ConnectionSlot) -> None:
        """Record that the connection waits for a request of its client."""
        if connection in self._all:
            self.stop_waiting(connection)
            self._waiting[connection] = None
            self._of_peer.setdefault(connection.peer, {})[connection] = None

    def stop_waiting(self, connection: ConnectionSlot) -> None:
        """Record that the connection waits for no request: it has a whole one, or is gone."""
        self._waiting.pop(connection, None)
        own = self._of_peer.get(connection.peer, {})
        own.pop(connection, None)
        if not own:
            self._of_peer.pop(connection.peer, None)

    def stall(self, connection: ConnectionSlot) -> None:
        """Record that the client does not read its answer."""
        if connection in self._all:
            self._stalled[connection] = None

    def resume(self, connection: ConnectionSlot) -> None:
        """Record that the client reads its answer again."""
        self._stalled.pop(connection, None)

    def has_room(self, *, stream: bool) -> bool:
        """Tell whether one more request is served; streams may take three quarters of the slots."""
        if stream and self.streams >= self.most * _MOST_STREAMS:
            return False
        return len(self._all) - len(self._waiting) <= self.most

    def _make_room(self, peer: str) -> None:
        if not self._full:
            self._full = True
            LOG.warning("connections_full", most=self.most, waiting=len(self._waiting))
        own = self._of_peer.get(peer, {})
        candidates = own if len(own) * _OWN_SHARE > self.most else self._waiting or self._stalled
        oldest = next(iter(candidates), None)
        if oldest is not None:
            self.leave(oldest)
            oldest.abort()
