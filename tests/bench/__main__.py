"""`python -m tests.bench`: every benchmark beside its limit, on a cluster of its own with fsync on.

Options name parts: `python -m tests.bench push pull`.
"""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import uvloop

from server.postgres import Embedded
from server.provisioning.provision import provision
from server.settings import load
from sync.database import DB
from tests.bench import (
    answering,
    claiming,
    console,
    deciding,
    growing,
    idling,
    kinto,
    kinto_pull,
    kinto_push,
    pulling,
    pushing,
    sending,
)
from tests.bench.ground import lay
from tests.bench.measuring import Line, table
from tests.support.brokers import shared_broker
from tests.support.databases import SECRET, renamed
from tests.support.processes import Fleet, Retour


class QuietFleet(Fleet):
    """Processes whose logs nobody asked for."""

    def tell(self, process: Retour) -> None:
        """Print nothing: the table is all that is wanted."""


class Bench(NamedTuple):
    """What a part needs: the owner's connection and address, a worker's, and processes."""

    owner: Any
    owner_dsn: str
    worker_dsn: str
    fleet: Fleet


async def push(bench: Bench) -> list[Line]:
    """Push."""
    ground = await lay(bench.owner, crews=pushing.CONNECTIONS, tasks=1000)
    return await pushing.measure(ground, bench.owner_dsn, bench.fleet.api().port)


async def pull(bench: Bench) -> list[Line]:
    """Pull."""
    ground = await lay(bench.owner, crews=pulling.CONNECTIONS, tasks=5000)
    return await pulling.measure(ground, SECRET, bench.fleet.api().port)


async def decide(bench: Bench) -> list[Line]:
    """Deciding."""
    few = await lay(bench.owner, crews=1, tasks=deciding.TASKS)
    many = await lay(bench.owner, crews=1, tasks=deciding.TASKS)
    return await deciding.measure(bench.owner, few, many)


async def claim(bench: Bench) -> list[Line]:
    """Claiming, in two databases of the cluster."""
    few = await claiming.fill(bench.owner, claiming.FEW)
    plain = await claiming.fill(bench.owner, claiming.FEW)
    limited = await claiming.fill_limited(bench.owner, claiming.FEW)
    await bench.owner.execute("CREATE DATABASE large")
    dsn = renamed(bench.owner_dsn, "large")
    await DB.close()  # migrating opens a pool of its own in this loop
    _, worker = await provision(load({}, database_url=dsn, secret=SECRET, testing=True))
    owner = await asyncpg.connect(dsn)
    many = await claiming.fill(owner, claiming.MANY)
    await owner.close()
    await DB.open(bench.worker_dsn)
    return await claiming.measure(
        (bench.worker_dsn, few.account),
        (worker, many.account),
        (bench.worker_dsn, plain.account),
        (bench.worker_dsn, limited.account),
    )


async def send(bench: Bench) -> list[Line]:
    """Sending."""
    ground = await lay(bench.owner, crews=1, tasks=sending.MAILS)
    return await sending.measure(bench.owner, ground, bench.worker_dsn)


async def answer(bench: Bench) -> list[Line]:
    """Answering."""
    ground = await lay(bench.owner, crews=1, tasks=answering.CUSTOMERS)
    return await answering.measure(bench.owner, ground, bench.fleet.api().port)


async def tasks(bench: Bench) -> list[Line]:
    """Growth of an account."""
    return await growing.lines_of(bench.owner_dsn, *growing.TASKS)


async def accounts(bench: Bench) -> list[Line]:
    """Growth by accounts."""
    return await growing.lines_of(bench.owner_dsn, *growing.ACCOUNTS)


async def idle(bench: Bench) -> list[Line]:
    """Left alone."""
    return await asyncio.to_thread(idling.measure, bench.fleet, bench.fleet.folder)


async def beside_kinto(bench: Bench) -> list[Line]:
    """Push and pull beside Kinto, two processes each."""
    try:
        programs = await asyncio.to_thread(kinto.installed)
    except kinto.KintoMissingError as error:
        targets = {"push": kinto_push.TARGET, "pull": kinto_pull.TARGET}
        return [
            Line(f"{what} beside Kinto", "not measured", str(error), None, target)
            for what, target in targets.items()
        ]
    ground = await lay(bench.owner, crews=kinto_pull.CONNECTIONS, tasks=kinto_pull.TASKS)
    await kinto_pull.add_history(bench.owner, ground)
    await kinto.add_database(bench.owner)
    with kinto.serving(programs, bench.owner_dsn, bench.fleet.folder) as served:
        ports = [bench.fleet.api().port for _ in range(2)]
        sides = kinto_pull.Sides(ground, ports, served)
        pulled = await kinto_pull.measure_pull(sides)
        return [*await kinto_push.measure_push(sides), *pulled]


async def list_tasks(bench: Bench) -> list[Line]:
    """The dispatchers' list and its search."""
    return await console.lines_of(bench.owner_dsn)


PARTS: Final[dict[str, Callable[[Bench], Awaitable[list[Line]]]]] = {
    "push": push,
    "pull": pull,
    "deciding": decide,
    "claiming": claim,
    "sending": send,
    "answering": answer,
    "kinto": beside_kinto,
    "tasks": tasks,
    "console": list_tasks,
    "accounts": accounts,
    "idle": idle,
}


async def measured(name: str, dsn: str, folder: Path) -> list[Line]:
    """The lines of the part `name` on the migrated database at `dsn`."""
    settings = {"database_url": dsn, "secret": SECRET, "testing": True}
    _, worker = await provision(load({}, **settings))
    await DB.open(worker)
    owner = await asyncpg.connect(dsn)
    try:
        with shared_broker("Redis") as broker, QuietFleet(folder, **settings, **broker) as fleet:
            return await PARTS[name](Bench(owner, dsn, worker, fleet))
    finally:
        await owner.close()
        await DB.close()


def lines_of(name: str) -> list[Line]:
    """Measure a part on a cluster of its own, with PostgreSQL's defaults for durability."""
    with tempfile.TemporaryDirectory(prefix="retour-bench-") as folder:
        Path(folder).chmod(0o755)
        embedded = Embedded(Path(folder) / "data")
        try:
            return uvloop.run(measured(name, embedded.start().dsn, Path(folder)))
        finally:
            embedded.stop()
            sys.stderr.write(f"{name} is measured\n")


if __name__ == "__main__":
    found = [line for name in sys.argv[1:] or PARTS for line in lines_of(name)]
    sys.stdout.write(f"{table(found)}\n")
