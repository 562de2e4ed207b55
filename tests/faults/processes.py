"""Real `retour` processes for tests: started, killed without warning, stopped, resumed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

T = TypeVar("T")

#: Seconds until a test gives up waiting for what must happen.
PATIENCE: Final = 60.0


class Fleet:
    """The processes of one test. `settings`: as RETOUR_* names them, in lower case."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        self.settings = settings
        self.processes: list[Retour] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self.processes:
            process.kill()
            self.tell(process)

    def tell(self, process: "Retour") -> None:
        """Print the end of a log: pytest shows it where the test failed."""
        sys.stdout.write(f"{process.name}:\n{process.log()[-3000:]}\n")

    def api(self, port: int = 0, **settings: object) -> "Api":
        """An API process on `port`, or any free one, ready to answer."""
        port = port or free_port()
        origin = f"http://127.0.0.1:{port}"
        named = {"origin": origin, "hosts": "127.0.0.1", **self.settings, **settings}
        process = Api(self, "api", "--port", str(port), settings=named)
        process.origin = origin
        until(process.is_ready, f"{process.origin} answers")
        return process

    def worker(self, **settings: object) -> "Retour":
        """A worker process."""
        return Retour(self, "worker", settings=settings)

    def clock(self, **settings: object) -> "Retour":
        """A clock process."""
        return Retour(self, "clock", settings=settings)


class Retour:
    """One process of the command `retour`, in a process group of its own."""

    def __init__(self, fleet: Fleet, *command: str, settings: dict[str, object]) -> None:
        self.name = f"{command[0]}-{len(fleet.processes)}"
        self.output = fleet.folder / f"{self.name}.log"
        with self.output.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "server.cli", *command],
                env=environment({**fleet.settings, **settings}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        fleet.processes.append(self)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Signal it and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, number)

    def kill(self) -> None:
        """Kill -9, children included, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.popen.wait()

    def end(self) -> int:
        """Ask the process itself to end, as a supervisor does; its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(timeout=PATIENCE)

    def log(self) -> str:
        """What it wrote so far."""
        return self.output.read_text(errors="replace")


class Api(Retour):
    """An API process. `origin`: scheme, host and port."""

    origin = ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.origin.rpartition(":")[2])

    def is_ready(self) -> bool:
        """Whether it answers; an early end is an error of its own."""
        assert self.runs, self.log()
        return answers(self.port)


def environment(settings: dict[str, object]) -> dict[str, str]:
    """This process's variables with `settings`, and no other setting of Retour's.

    Coverage is not asked for: what is killed reports none, and measuring costs a third of its time.
    """
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RETOUR_", "COVERAGE_PROCESS_"))
    }
    return ours | {f"RETOUR_{name.upper()}": str(value) for name, value in settings.items()}


def until(condition: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """The first truth of `condition`, looked for again and again until `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {patience} s: {what}"
        time.sleep(0.02)
    return found


def answers(port: int) -> bool:
    """Whether something listens on `port` of the loopback address."""
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that was free a moment ago."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
