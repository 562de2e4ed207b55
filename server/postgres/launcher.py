"""Makes, starts and stops the cluster of one data folder."""

import asyncio
import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from server.postgres import binaries
from server.postgres.binaries import EmbeddedError
from server.postgres.leftovers import end_leftovers
from server.postgres.log_file import NAME, cut_log
from server.runtime.files import private, write_private

DATABASE: Final = "retour"
OWNER: Final = "retour_owner"
START_TIMEOUT: Final = 60.0
#: Starts before giving up: another program may take the port that was free.
LAUNCHES: Final = 5
UNPRIVILEGED: Final = "nobody"
PR_SET_PDEATHSIG: Final = 1


class Access(msgspec.Struct, frozen=True):
    """How to reach a running one; kept in `postgres.json`, readable by the owner only."""

    port: int
    password: str
    pid: int

    @property
    def dsn(self) -> str:
        """The owner's address."""
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"


def access(folder: Path) -> Access | None:
    """How to reach the PostgreSQL of the data folder `folder`, if one was started there."""
    try:
        return msgspec.json.decode((folder / "postgres.json").read_bytes(), type=Access)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


class Embedded:
    """The PostgreSQL of one data folder. `options` are PostgreSQL settings by name."""

    def __init__(self, folder: Path, options: Mapping[str, str] | None = None) -> None:
        self.folder = folder.resolve()
        self.options = dict(options or {})
        self.user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
        self.binaries = binaries.find(copied=self.user is not None)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Access:
        """Start it and wait until it answers. For the main thread: the server ends with it.

        :raises EmbeddedError: with what PostgreSQL wrote to its log, or whose the folder is.
        """
        try:
            cluster = self._cluster()
        except PermissionError as error:
            raise EmbeddedError(f"{error.filename} belongs to another user") from None
        password = self._password()
        for _ in range(LAUNCHES):
            port = _free_port()
            self.process = self._launch(cluster, port)
            if self._answers(self.process, port, password):
                found = Access(port, password, self.process.pid)
                write_private(self.folder / "postgres.json", msgspec.json.encode(found))
                return found
        raise EmbeddedError(self._log_end())

    async def restart(self) -> None:
        """Start it again where it was, after it ended by itself, and wait until it answers.

        :raises EmbeddedError: with what PostgreSQL wrote to its log.
        """
        found = access(self.folder)
        if found is None:
            raise EmbeddedError("postgres.json is gone")
        cluster = await asyncio.to_thread(self._cluster)
        process = self.process = self._launch(cluster, found.port)
        try:
            answers = await asyncio.to_thread(self._answers, process, found.port, found.password)
        except asyncio.CancelledError:
            process.send_signal(signal.SIGINT)
            raise
        if not answers:
            raise EmbeddedError(self._log_end())
        known = msgspec.structs.replace(found, pid=process.pid)
        write_private(self.folder / "postgres.json", msgspec.json.encode(known))

    def alive(self) -> bool:
        """Whether it still runs. One that crashed inside recovers by itself and counts as alive."""
        return self.process is not None and self.process.poll() is None

    def hasten(self) -> None:
        """End at once what somebody else asked to end by SIGTERM.

        It takes no new sessions from then on, and would wait for ours, which are kept, for ever.
        """
        if self.process is not None and self._status() == "stopping":
            self.process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        """Stop it and wait: sessions are cut, what was committed is kept."""
        if self.process is None or not self.alive():
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)

    def _cluster(self) -> Path:
        """The cluster, made when it is missing, with nobody left in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        home = self._home()
        cluster = home / "cluster"
        end_leftovers(cluster)
        if not cluster.exists():
            self._initdb(home, self._password())
        return cluster

    def _home(self) -> Path:
        """Inside the data folder; in `binaries.SHARED` where the unprivileged user is shut out.

        The data folder then holds a link to it, by a name that no other has: a folder that was
        moved keeps its database, and another one in its place gets its own.

        :raises EmbeddedError: the link leads nowhere: another database must not take its place.
        """
        home = self.folder / "postgres"
        if home.is_symlink() and not home.exists():
            raise EmbeddedError(f"{home} leads to {home.readlink()}, which is gone: copy it back")
        if self.user is not None and not home.exists() and not _passable(self.folder):
            home.symlink_to(tempfile.mkdtemp(prefix="cluster-", dir=binaries.SHARED))
        home.mkdir(exist_ok=True)
        if self.user is not None:
            os.chown(home, self.user.pw_uid, self.user.pw_gid)
        home.resolve().chmod(0o700)
        return home.resolve()

    def _password(self) -> str:
        file = self.folder / "postgres.password"
        if not file.exists():
            write_private(file, secrets.token_urlsafe(24).encode())
        return file.read_text()

    def _initdb(self, home: Path, password: str) -> None:
        """Make a fresh cluster, whole or not at all: `PG_VERSION` alone says nothing."""
        partial, pwfile = home / "partial", home / "password"
        shutil.rmtree(partial, ignore_errors=True)
        write_private(pwfile, password.encode())
        if self.user is not None:
            os.chown(pwfile, self.user.pw_uid, self.user.pw_gid)
        try:
            self._run(
                "initdb", "-D", str(partial), "-U", OWNER, f"--pwfile={pwfile}",
                "--auth=scram-sha-256", "-E", "UTF8", "--locale-provider=builtin",
                "--locale=C.UTF-8", "--data-checksums", "--no-instructions",
            )  # fmt: skip
        finally:
            pwfile.unlink()
        partial.rename(home / "cluster")

    def _run(self, name: str, *args: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own binary, our own arguments
            [self.binaries / name, *args],
            capture_output=True,
            check=False,
            cwd="/",
            env=_environment(),
            preexec_fn=_end_with_parent(),
            **self._identity(),
        )
        if done.returncode:
            raise EmbeddedError(f"{name}: {done.stderr.decode(errors='replace')[-2000:]}")

    def _identity(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

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
            process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 - our own binary
                [self.binaries / "postgres", "-D", cluster, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us; we stop it after our own work ended
                # One system call that takes no lock: safe beside threads, which a restart has.
                preexec_fn=_end_with_parent(),  # noqa: PLW1509
                **self._identity(),
            )
        return process

    def _answers(self, process: subprocess.Popen[bytes], port: int, password: str) -> bool:
        """Whether it accepts queries; False as soon as it ended."""
        deadline = time.monotonic() + START_TIMEOUT
        while process.poll() is None:
            try:
                # Whoever answers at `port` before ours holds it may be another program's server.
                if self._status() != "ready":
                    raise ConnectionRefusedError
                asyncio.run(_ensure_database(port, password))
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
                if time.monotonic() > deadline:
                    self.stop()
                    raise EmbeddedError(self._log_end()) from None
                time.sleep(0.05)
            except asyncpg.InvalidPasswordError:
                self.stop()
                raise EmbeddedError("postgres.password is not this cluster's") from None
            else:
                return True
        time.sleep(0.5)  # another program may have taken the port meanwhile
        return False

    def _status(self) -> str:
        """What the running process says of itself in its lock file; empty before it does."""
        lock = self.folder / "postgres" / "cluster" / "postmaster.pid"
        try:
            pid, *_, status = lock.read_text().split()
        except (FileNotFoundError, ValueError):
            return ""
        return status if self.process is not None and pid == str(self.process.pid) else ""

    def _log_end(self) -> str:
        return (self.folder / NAME).read_text(errors="replace")[-2000:]


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


def _environment() -> dict[str, str]:
    """Nothing of ours: PG* variables of the caller must not leak into the cluster."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _passable(folder: Path) -> bool:
    """Whether a user who is neither owner nor in the group may pass through to `folder`."""
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux, have the kernel end the child when we die, kill -9 included."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT)

    return ask


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
