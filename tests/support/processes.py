"""Real `retour` processes for tests: started, killed without warning, stopped, resumed.

Each is forked from a process that has imported the code once: importing costs ten times what
starting does. `up`, and what runs under another command, is started as a user would.
"""

import itertools
import multiprocessing.context
import multiprocessing.forkserver
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, TypeVar

T = TypeVar("T")

#: Seconds until a test gives up waiting for what must happen.
PATIENCE: Final = 60.0
#: Below what the system gives to clients and to those that name no port; in an order of this
#: process's own, so that of two that look for one at once both find another.
PORTS: Final = itertools.cycle(random.sample(range(10_000, 32_000), 22_000))


class Process(Protocol):
    """What runs: `pid`, and its exit code or None; a code below 0 is the signal that ended it."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


def started(command: Sequence[str], variables: dict[str, str], output: Path) -> Process:
    """A process of `command`, at the head of a process group."""
    with output.open("wb") as log:
        return subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@cache
def forking() -> multiprocessing.context.ForkServerContext:
    """What forks. It is not measured, and so nothing that it forks is."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["server.cli.main", __name__])
    measuring = {name: os.environ.pop(name) for name in list(os.environ) if is_measuring(name)}
    multiprocessing.forkserver.ensure_running()
    os.environ.update(measuring)
    return context


def is_measuring(name: str) -> bool:
    """Whether a variable makes coverage start in each process."""
    return name.startswith("COVERAGE_PROCESS_")


class Forked:
    """A process with the code imported, at the head of a process group."""

    def __init__(self, command: Sequence[str], variables: dict[str, str], output: Path) -> None:
        output.touch()
        self._child = forking().Process(target=run, args=(command, variables, output))
        self._child.start()
        assert self._child.pid is not None
        self.pid = self._child.pid
        until(lambda: self.poll() is not None or os.getpgid(self.pid) == self.pid, "its group")

    def poll(self) -> int | None:
        """Its exit code, or None."""
        return self._child.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended."""
        self._child.join(timeout)
        assert self._child.exitcode is not None, f"not within {timeout} s: process {self.pid} ends"
        return self._child.exitcode


def run(command: Sequence[str], variables: dict[str, str], output: Path) -> None:
    """Be `retour` with the arguments `command`, in this process, which does nothing else."""
    from server.cli.main import main

    os.setsid()
    for number, target in ((0, Path(os.devnull)), (1, output), (2, output)):
        opened = os.open(target, os.O_RDWR | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(variables)
    main(command, prog_name="retour")


class Fleet:
    """The processes of one test. `settings`: as RETOUR_* names them, in lower case."""

    #: A command that runs each process, with limits for instance.
    under: Sequence[str] = ()

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
        variables = environment({**fleet.settings, **settings})
        self.process: Process
        if fleet.under or command[0] == "up":
            whole = [*fleet.under, sys.executable, "-m", "server.cli", *command]
            self.process = started(whole, variables, self.output)
        else:
            self.process = Forked(command, variables, self.output)
        fleet.processes.append(self)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def send(self, number: signal.Signals) -> None:
        """Signal it and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kill -9, children included, and wait until it is gone."""
        self.send(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Ask the process itself to end, as a supervisor does; its exit code."""
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(timeout=PATIENCE)

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
    """The variables of this process with `settings`, and no other setting of Retour's.

    Coverage is not asked for: what is killed reports none, and measuring costs a third of its time.
    """
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RETOUR_") and not is_measuring(name)
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
    """A port on which nobody listens, and that is given to no other test meanwhile."""
    for port in PORTS:
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError
