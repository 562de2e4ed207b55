"""Starts and stops the PostgreSQL of one data folder."""

import asyncio
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from mail.wording import _
from server.postgres.binaries import EmbeddedError
from server.postgres.cluster import OWNER, password_of, prepare_cluster
from server.postgres.log_file import NAME, cut_log
from server.postgres.programs import Programs
from server.runtime.files import private, write_private

DATABASE: Final = "retour"
#: Seconds in which it must answer.
START_TIMEOUT: Final = 60.0
#: Attempts to start: another program may take the port that was free.
LAUNCHES: Final = 5


class Access(msgspec.Struct, frozen=True):
    """How to connect to a running server; stored in `postgres.json`, readable by its owner only."""

    port: int
    password: str
    pid: int

    @property
    def dsn(self) -> str:
        """The address for the owner's role."""
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"


def access(folder: Path) -> Access | None:
    """How to connect to the PostgreSQL of a data folder; None where none was ever started."""
    try:
        return msgspec.json.decode((folder / "postgres.json").read_bytes(), type=Access)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


class Embedded:
    """The PostgreSQL of one data folder. `options`: PostgreSQL's settings by name."""

    def __init__(self, folder: Path, options: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.options = dict(options or {})
        self.programs = Programs()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Access:
        """Start it and wait until it answers.

        To be called on the main thread: the kernel ends PostgreSQL when that thread ends.

        :raises EmbeddedError: it did not start; the text holds the end of its log, or says that the
            folder is another user's.
        """
        try:
            cluster = prepare_cluster(self.folder, self.programs)
        except PermissionError as error:
            raise EmbeddedError(
                _("%(file)s belongs to another user"), file=error.filename
            ) from None
        password = password_of(self.folder)
        for _launch in range(LAUNCHES):
            with closing(socket.socket()) as probe:
                probe.bind(("127.0.0.1", 0))
                port: int = probe.getsockname()[1]
            self.process = self._launch(cluster, port)
            if self._answers(self.process, port, password):
                found = Access(port, password, self.process.pid)
                write_private(self.folder / "postgres.json", msgspec.json.encode(found))
                return found
        raise self._did_not_start()

    async def restart(self) -> None:
        """Start it again at the same port, after it ended by itself, and wait until it answers.

        :raises EmbeddedError: it did not start; the text holds the end of its log.
        """
        found = access(self.folder)
        if found is None:
            raise EmbeddedError(_("%(file)s is gone"), file="postgres.json")
        cluster = await asyncio.to_thread(prepare_cluster, self.folder, self.programs)
        process = self.process = self._launch(cluster, found.port)
        try:
            answers = await asyncio.to_thread(self._answers, process, found.port, found.password)
        except asyncio.CancelledError:
            process.send_signal(signal.SIGINT)
            raise
        if not answers:
            raise self._did_not_start()
        restarted = msgspec.structs.replace(found, pid=process.pid)
        write_private(self.folder / "postgres.json", msgspec.json.encode(restarted))

    def alive(self) -> bool:
        """Tell whether its postmaster runs; one that recovers from a crashed backend does."""
        return self.process is not None and self.process.poll() is None

    def hasten(self) -> None:
        """Turn a smart shutdown, which somebody asked for by SIGTERM, into a fast one.

        A smart shutdown accepts no new sessions and waits for ours, which do not end.
        """
        if self.process is not None and self._status() == "stopping":
            self.process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        """Stop it by a fast shutdown, which disconnects sessions, and wait until it has ended."""
        if self.process is None or not self.alive():
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)

    def _launch(self, cluster: Path, port: int) -> subprocess.Popen[bytes]:
        settings = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "log_destination": "stderr",
            "timezone": "UTC",
            **self.options,
        }
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        cut_log(self.folder)
        with open(self.folder / NAME, "ab", opener=private) as log:
            return self.programs.start("postgres", "-D", str(cluster), *arguments, log=log)

    def _answers(self, process: subprocess.Popen[bytes], port: int, password: str) -> bool:
        """Wait until it accepts queries; False where it ended instead.

        :raises EmbeddedError: it does not answer in time, or does not accept the password.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while process.poll() is None:
            try:
                # Until ours has the port, another program may answer there.
                if self._status() != "ready":
                    raise ConnectionRefusedError
                asyncio.run(_ensure_database(port, password))
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
                if time.monotonic() > deadline:
                    self.stop()
                    raise self._did_not_start() from None
                time.sleep(0.05)
            except asyncpg.InvalidPasswordError:
                self.stop()
                raise EmbeddedError(
                    _("%(file)s is not of this database"), file="postgres.password"
                ) from None
            else:
                return True
        time.sleep(0.5)  # another program may have taken the port meanwhile
        return False

    def _status(self) -> str:
        """The status that the process wrote to its lock file; empty before it did."""
        lock = self.folder / "postgres" / "cluster" / "postmaster.pid"
        try:
            pid, *_, status = lock.read_text().split()
        except (FileNotFoundError, ValueError):
            return ""
        return status if self.process is not None and pid == str(self.process.pid) else ""

    def _did_not_start(self) -> EmbeddedError:
        log = (self.folder / NAME).read_text(errors="replace")[-2000:]
        return EmbeddedError(_("PostgreSQL did not start; its log ends so:\n%(log)s"), log=log)


async def _ensure_database(port: int, password: str) -> None:
    connection = await asyncpg.connect(
        host="127.0.0.1", port=port, user=OWNER, password=password, database="postgres"
    )
    try:
        if not await connection.fetchval(
            "SELECT true FROM pg_database WHERE datname = $1", DATABASE
        ):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()
