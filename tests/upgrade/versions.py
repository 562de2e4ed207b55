"""The version that landed before and this one: their code in a folder each, and their processes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Final

import httpx
import msgspec

from tests.support.databases import SECRET
from tests.support.processes import PATIENCE, environment, free_port, until

ROOT: Final = Path(__file__).parents[2]
#: The commit of the version that landed last.
LANDED: Final = "3bf41848e912046604748f76fcaacf3c183bedd5"
#: The last migrations of that version, by app.
LAST: Final = {
    "sync": "2026-11-23T05:00:00:000000",
    "mail": "2026-11-22T22:30:00:000000",
    "server": "2026-11-22T17:00:00:000000",
}
#: Nobody listens there: what rings is no part of what is seen.
NO_BROKER: Final = "redis://127.0.0.1:1/0"
#: How pages and mails of either version name themselves, wherever it listens.
HOST: Final = "retour.test"


class UnknownCommitError(RuntimeError):
    """The clone has no such commit: it was made without history, or is no clone at all."""


class Place(msgspec.Struct, frozen=True):
    """Where a version runs: its code, its database (the owner's address), and its logs."""

    code: Path
    database: str
    logs: Path

    def variables(self) -> dict[str, str]:
        """The environment of one of its processes."""
        settings: dict[str, object] = {
            "database_url": self.database,
            "secret": SECRET,
            "broker_url": NO_BROKER,
            "origin": f"http://{HOST}",
            "hosts": "127.0.0.1",
        }
        found = environment(settings)
        return found | {
            "PYTHONPATH": str(self.code),
            "LANG": "en_CA.UTF-8",
            "PYTHONHASHSEED": "0",  # sets are in the same order for both
        }


@contextmanager
def code_of(commit: str) -> Iterator[Path]:
    """The files of `commit` in a folder.

    :raises UnknownCommitError: it cannot be had here.
    """
    try:
        packed = _git("archive", "--format=tar", commit)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UnknownCommitError(commit) from error
    with tempfile.TemporaryDirectory(prefix="retour-landed-") as folder:
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        yield Path(folder)


def _git(*command: str) -> bytes:
    whole = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *command]
    return subprocess.run(whole, capture_output=True, check=True).stdout


@contextmanager
def running(place: Place, *command: str) -> Iterator[int]:
    """`retour` with the arguments `command`; gives the port on which it answers."""
    port = free_port()
    log = place.logs / f"{command[0]}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", *command, "--port", str(port)],
            cwd=place.code,
            env=place.variables(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until(lambda: _answers(process, port, log), f"{log} answers", patience=3600)
        yield port
        process.send_signal(SIGTERM)
        process.wait(PATIENCE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        process.wait()


def _answers(process: "subprocess.Popen[bytes]", port: int, log: Path) -> bool:
    """Whether it answers HTTP: it listens before it migrates."""
    assert process.poll() is None, log.read_text(errors="replace")[-3000:]
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=1).is_success
    except httpx.TransportError:
        return False


@contextmanager
def api(place: Place) -> Iterator[int]:
    """An API process, which migrates its database first; its port."""
    with running(place, "api") as port:
        yield port


@contextmanager
def everything(place: Place, folder: Path) -> Iterator[int]:
    """API, worker, clock and mailbox, with the demonstration; its port. `folder`: its data."""
    with running(place, "up", "--data", str(folder)) as port:
        until((folder / "demo.json").exists, "the demonstration is there")
        yield port
