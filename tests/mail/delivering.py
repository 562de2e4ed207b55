"""Deliveries to try: visits that end, a worker that delivers, a clock that moves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from mail.config import MailConfig
from mail.sending.run import deliver_due
from mail.smtp.address import parse_server
from sync.ids import new_id
from sync.messages import DeviceScope, Item
from tests.mail.campaigns import only_invitation, plan_all, rows, time_of
from tests.support.databases import TestDatabase
from tests.support.owner import Owner, owning
from tests.support.smtp_server import SmtpServer
from tests.support.world import World

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Post:
    """A worker's deliveries in `world` to `server`, at the times that a test says."""

    def __init__(self, world: World, server: SmtpServer, owner: Owner, config: MailConfig) -> None:
        self.world, self.server, self.owner, self.config = world, server, owner, config
        self._shift = timedelta(0)
        self._device: DeviceScope | None = None

    def configure(self, **changes: Any) -> None:
        """Deliver with other settings from now on."""
        self.config = msgspec.structs.replace(self.config, **changes)

    async def later(self, span: timedelta) -> None:
        """Let `span` pass."""
        self._shift += span
        await self.owner.move_clock(self._shift)

    async def visit(self, email: str | None = None, **fields: Any) -> UUID:
        """A task, finished just now, of a customer with the address `email` (a new one)."""
        address = f"{new_id().hex}@example.net" if email is None else email
        customer = await self.world.customer(email=address or None)
        return await self.finished(customer=customer, **fields)

    async def finished(
        self, *, moment: datetime | None = None, note_email: str | None = None, **fields: Any
    ) -> UUID:
        """A task that alice finished at `moment` (now), planned; fields as of `World.task`.

        `note_email`: the address that she notes for the customer.
        """
        task = await self.world.task(**fields)
        await self.moved(task, "600", moment, email=note_email)
        return task

    async def moved(
        self, task: UUID, state: str, moment: datetime | None = None, **fields: Any
    ) -> None:
        """Push that alice moved `task` to `state` at `moment` (now), and plan it."""
        at = moment or await time_of(self.world)
        await self._push(self.world.item(task, state, at, **fields))

    async def visits(self, number: int, *domains: str) -> None:
        """So many visits, each as of `visit`, in one batch, of these domains in turn."""
        named = domains or ("example.net",)
        addresses = [f"{new_id().hex}@{named[place % len(named)]}" for place in range(number)]
        customers = await self.world.customers(*({"email": address} for address in addresses))
        tasks = await self.world.tasks(*({"customer": customer} for customer in customers))
        at = await time_of(self.world)
        await self._push(*(self.world.item(task, "600", at) for task in tasks))

    async def _push(self, *items: Item) -> None:
        if self._device is None:
            self._device = await self.world.device(self.world.alice)
        pushed = await self.world.push(self._device, *items)
        assert {result.verdict for result in pushed.results} == {"accepted"}
        await plan_all()

    async def deliver(self) -> int:
        """Deliver once."""
        return await deliver_due(self.config)

    async def deliver_all(self) -> None:
        """Deliver until nothing is due."""
        while await deliver_due(self.config):
            pass

    async def status(self, task: UUID) -> tuple[str, str | None]:
        """The invitation's status and reason."""
        found = await only_invitation(self.world, task)
        return found["status"], found["reason"]

    async def entry(self, task: UUID) -> asyncpg.Record | None:
        """The invitation's entry in the queue, if it is still there."""
        found = await rows(
            self.world,
            "SELECT o.* FROM outbox o JOIN invitation i ON i.id = o.invitation WHERE i.task = $1",
            task,
        )
        return found[0] if found else None

    async def events(self, task: UUID) -> list[str]:
        """What happened to the task's mail."""
        found = await rows(
            self.world,
            "SELECT e.kind FROM mail_event e JOIN invitation i ON i.id = e.invitation"
            " WHERE i.task = $1 ORDER BY e.happened_at, e.id",
            task,
        )
        return [row["kind"] for row in found]

    async def uses(self) -> list[tuple[str, bool]]:
        """Addresses that mails are on their way to, and whether they went; oldest first."""
        found = await rows(
            self.world,
            "SELECT c.address, u.confirmed FROM contact_use u JOIN contact c ON c.id = u.contact"
            " ORDER BY u.counted_from, c.address",
        )
        return [(row["address"], row["confirmed"]) for row in found]

    async def suppressed(self) -> dict[str, str]:
        """Why which addresses are left alone."""
        found = await rows(
            self.world, "SELECT address, suppressed FROM contact WHERE suppressed IS NOT NULL"
        )
        return {row["address"]: row["suppressed"] for row in found}


@asynccontextmanager
async def posting(database: TestDatabase, world: World) -> AsyncIterator[Post]:
    """Deliveries in `world`, seen with a worker's rights."""
    async with SmtpServer() as server, owning(database.owner) as owner:
        config = MailConfig(
            worker_dsn=database.worker,
            origin="https://retour.test",
            smtp=parse_server(server.url),
            mail_from="retour@example.test",
            smtp_name="retour.test",
            smtp_connections=4,
        )
        yield Post(world, server, owner, config)
