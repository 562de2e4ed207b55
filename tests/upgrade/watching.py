"""What a migration costs while it runs: its seconds, and the locks that others would wait for."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import asyncpg
import msgspec

#: Seconds between two looks.
PERIOD: Final = 0.05
#: From the weakest to the strongest.
MODES: Final = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
#: Locks from here on keep others from writing; the last keeps them from reading too.
STOPS_WRITING: Final = MODES.index("ShareLock")

#: Of the tables that stood there before.
_LOCKS: Final = """
SELECT c.relname::text AS name, l.mode FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation
WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.granted AND l.pid <> pg_backend_pid()
  AND c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
"""


class LockSeen(msgspec.Struct, frozen=True):
    """The strongest lock on a table, and for how many seconds it was held so."""

    table: str
    mode: str
    seconds: float

    @property
    def stops(self) -> str:
        """Whom it makes wait."""
        strength = MODES.index(self.mode)
        if strength == len(MODES) - 1:
            return "readers and writers"
        return "writers" if strength >= STOPS_WRITING else "nobody"


class Migrated(msgspec.Struct, frozen=True):
    """A migration that ran, with its seconds."""

    app: str
    name: str
    what: str
    seconds: float


class LockWatch:
    """Looks at the locks of a database in a thread of its own while the block runs."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._look()))
        self._seconds: dict[tuple[str, str], float] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    async def _look(self) -> None:
        connection = await asyncpg.connect(self._dsn)
        last = time.monotonic()
        while not self._over.is_set():
            found = await connection.fetch(_LOCKS)
            since, last = last, time.monotonic()
            strongest: dict[str, str] = {}
            for name, mode in found:
                strongest[name] = max(strongest.get(name, mode), mode, key=MODES.index)
            for lock in strongest.items():
                self._seconds[lock] = self._seconds.get(lock, 0) + last - since
            await asyncio.to_thread(self._over.wait, PERIOD)
        await connection.close()

    def held(self) -> list[LockSeen]:
        """The strongest lock on each table, the strongest and longest first."""
        best: dict[str, LockSeen] = {}
        for (table, mode), seconds in self._seconds.items():
            one = LockSeen(table, mode, seconds)
            if table not in best or _strength(one) > _strength(best[table]):
                best[table] = one
        return sorted(best.values(), key=_strength, reverse=True)


def _strength(held: LockSeen) -> tuple[int, float]:
    return MODES.index(held.mode), held.seconds


def migrations(log: Path) -> Iterator[Migrated]:
    """What a process that migrated says of it in its log."""
    for line in log.read_text().splitlines():
        said = json.loads(line) if line.startswith("{") else {}
        if said.get("event") == "migrated":
            yield Migrated(said["app"], said["migration"], said["what"], said["seconds"])
