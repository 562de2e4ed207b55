"""A PostgreSQL of one test's own, as durable as in earnest.

It is crashed, stopped, started, saved, restored, and followed by a standby.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from server.postgres import Embedded, access
from tests.support.databases import TestDatabase, clone, migrated, renamed
from tests.support.processes import until


class Cluster:
    """`database`: a migrated one of its own."""

    def __init__(self, embedded: Embedded, database: TestDatabase) -> None:
        self.embedded, self.database = embedded, database

    def crash(self) -> None:
        """Kill -9 of the server: what was not durable is gone."""
        process = self.embedded.process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        until(lambda: not self.embedded.alive(), "it is dead")

    async def start(self) -> None:
        """Start it again, where it was."""
        await self.embedded.restart()

    async def saved(self) -> Path:
        """A backup: a copy of all files, taken while it is stopped."""
        self.embedded.stop()
        copied = self.embedded.folder / "backup"
        await asyncio.to_thread(_copy, self._files, copied)
        await self.start()
        return copied

    async def restore(self, backup: Path) -> None:
        """Put `backup` in the place of everything that happened since."""
        self.embedded.stop()
        await asyncio.to_thread(shutil.rmtree, self._files)
        await asyncio.to_thread(_copy, backup, self._files)
        await self.start()

    def freeze(self) -> None:
        """Stop all its processes where they are: connections stay open and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        """The postmaster comes first, so that no session begins meanwhile."""
        process = self.embedded.process
        assert process is not None
        os.kill(process.pid, number)
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):  # it ended, or is another user's
                if link.readlink() == self._files.resolve():
                    os.kill(int(link.parent.name), number)

    @property
    def _files(self) -> Path:
        return self.embedded.folder / "postgres" / "cluster"


def _copy(source: Path, target: Path) -> None:
    """With owners and rights, which PostgreSQL insists on."""
    subprocess.run(["cp", "-a", source, target], check=True)


@contextmanager
def own_cluster() -> Iterator[Cluster]:
    """A cluster with PostgreSQL's defaults for durability, and a database in it."""
    with tempfile.TemporaryDirectory(prefix="retour-cluster-") as folder:
        Path(folder).chmod(0o755)
        embedded = Embedded(Path(folder))
        try:
            dsn = embedded.start().dsn
            assert access(Path(folder)) is not None
            with migrated(dsn) as template, clone(template) as database:
                yield Cluster(embedded, database)
        finally:
            embedded.stop()


@contextmanager
def followed(cluster: Cluster) -> Iterator[str]:
    """A standby that follows `cluster`; its owner's address of the same database."""
    backup = asyncio.run(cluster.saved())
    primary = urlsplit(cluster.database.owner)
    with tempfile.TemporaryDirectory(prefix="retour-standby-") as place:
        folder = Path(place)
        folder.chmod(0o755)
        embedded = Embedded(folder)
        shutil.copy(cluster.embedded.folder / "postgres.password", folder)
        (folder / "postgres").mkdir()
        files = folder / "postgres" / "cluster"
        _copy(backup, files)
        (files / "standby.signal").touch()
        follow = f"host={primary.hostname} port={primary.port} user={primary.username}"
        with (files / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"primary_conninfo = '{follow} password={primary.password}'\n")
        try:
            yield renamed(embedded.start().dsn, primary.path.lstrip("/"))
        finally:
            embedded.stop()
