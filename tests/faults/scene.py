"""The scene of a fault: an account, its devices, a mail server, processes, and who looks on."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import httpx
import msgspec

from server.access.principals import DEVICE_PREFIX
from sync.database import now
from sync.ids import new_id
from sync.messages import DeviceScope, Item, Push
from tests.support.databases import SECRET, TestDatabase
from tests.support.mail_work import active_campaign
from tests.support.owner import Owner, owning
from tests.support.processes import PATIENCE, Fleet
from tests.support.smtp_sink import Sink
from tests.support.surveys import survey
from tests.support.world import World

T = TypeVar("T")

#: Seconds. Short, so that what waits for a lease does not make the tests wait.
SETTINGS: Final[dict[str, object]] = {
    "secret": SECRET,
    "testing": "true",
    "mail_from": "retour@example.test",
    "sweep": 0.5,
    "smtp_timeout": 1,
    "actor_timeout": 2,
    "lease": 3,
    "uncertain_after": 1,
}
DONE: Final = "600"


class Visit(NamedTuple):
    """A task to finish and the address that will be asked."""

    task: UUID
    address: str


class Yard:
    """Everything of one test. The campaign asks at once, on 600 and 610, without mute."""

    def __init__(
        self, database: TestDatabase, owner: Owner, world: World, sink: Sink, fleet: Fleet
    ) -> None:
        self.database, self.owner, self.world = database, owner, world
        self.sink, self.fleet = sink, fleet
        self.device: DeviceScope
        self.credential = ""
        self.campaign = UUID(int=0)

    async def prepare(self) -> None:
        """Enrol alice's phone and start the campaign."""
        self.device, credential = await self.world.enrolled(self.world.alice)
        self.credential = DEVICE_PREFIX + credential
        definition = survey(self.world.service_call, [DONE, "610"], "How was it?")
        self.campaign = await active_campaign(self.world.account, "at once", definition, self.owner)

    async def visit(self) -> Visit:
        """A task of alice's for a customer of its own."""
        address = f"{new_id().hex}@example.test"
        customer = await self.world.customer(email=address)
        return Visit(await self.world.task(customer=customer), address)

    async def visits(self, count: int) -> list[Visit]:
        """Several of them."""
        return [await self.visit() for _ in range(count)]

    async def push(self, origin: str, items: Sequence[Item]) -> httpx.Response:
        """Push `items` from alice's phone, on a connection of its own."""
        return await self.send(origin, Push(device_now=await now(), transitions=list(items)))

    async def send(self, origin: str, body: object) -> httpx.Response:
        """Push a whole body."""
        async with httpx.AsyncClient(base_url=origin, timeout=30) as client:
            return await self.send_on(client, body)

    async def send_on(self, client: httpx.AsyncClient, body: object) -> httpx.Response:
        """Push a whole body on a connection of `client`."""
        return await client.post(
            "/api/v1/sync/push",
            content=msgspec.json.encode(body),
            headers={**self._who, "Content-Type": "application/json"},
        )

    async def read(self, origin: str, path: str, accept: str) -> httpx.Response:
        """GET as alice's phone, on a connection of its own."""
        async with httpx.AsyncClient(base_url=origin, timeout=30) as client:
            return await self.read_on(client, path, accept)

    async def read_on(
        self, client: httpx.AsyncClient, path: str, accept: str = "application/json"
    ) -> httpx.Response:
        """GET on a connection of `client`."""
        return await client.get(path, headers={**self._who, "Accept": accept})

    @property
    def _who(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credential}"}

    async def finish(self, origin: str, visits: Sequence[Visit]) -> None:
        """Push that the tasks of `visits` are done."""
        reply = await self.push(origin, [self.world.item(visit.task, DONE) for visit in visits])
        assert verdicts(reply) == ["accepted"] * len(visits)

    async def mailed(self, visits: Sequence[Visit], patience: float = PATIENCE) -> None:
        """Wait until each of `visits` has led to a mail."""
        wanted = {visit.address for visit in visits}

        async def all_there() -> bool:
            return wanted <= self.sink.per_address().keys()

        await eventually(all_there, f"a mail for each of {len(wanted)}", patience)

    async def rung(self) -> None:
        """Wait until the clock has begun: one that starts without a database ends at once."""

        async def begun() -> bool:
            return bool(await self.owner.value("SELECT count(*) FROM clock_turn"))

        await eventually(begun, "the clock has its turn")

    async def idle(self, patience: float = PATIENCE) -> None:
        """Wait until nothing is left to plan, to send or to record."""

        async def empty() -> bool:
            return not await self.owner.value(
                "SELECT (SELECT count(*) FROM task_change) + (SELECT count(*) FROM outbox)"
            )

        await eventually(empty, "the queues are empty", patience)

    async def status(self, visit: Visit) -> str | None:
        """The status of the invitation that came of a visit."""
        found = await self.owner.rows("SELECT status FROM invitation WHERE task = $1", visit.task)
        assert len(found) <= 1
        return str(found[0][0]) if found else None


@asynccontextmanager
async def opened_yard(
    database: TestDatabase, sink: Sink, folder: Path, **settings: Any
) -> AsyncIterator[Yard]:
    """A yard whose processes use `database` and `sink`; `settings` as of `Fleet`."""
    given = {"database_url": database.owner, "smtp_url": sink.url, **SETTINGS, **settings}
    with Fleet(folder, **given) as fleet:
        async with owning(database.owner) as owner:
            yard = Yard(database, owner, await World.create(), sink, fleet)
            await yard.prepare()
            yield yard


def verdicts(reply: httpx.Response) -> list[str]:
    """The verdicts of a push, in the order sent."""
    assert reply.status_code == 200, reply.text
    return [result["verdict"] for result in reply.json()["results"]]


async def eventually(
    condition: Callable[[], Awaitable[T]], what: str, patience: float = PATIENCE
) -> T:
    """The first truth of `condition`, looked for again and again until `patience` seconds."""
    deadline = time.monotonic() + patience
    while not (found := await condition()):
        assert time.monotonic() < deadline, f"not within {patience} s: {what}"
        await asyncio.sleep(0.02)
    return found
