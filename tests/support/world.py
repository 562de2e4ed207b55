"""A small account to try things in: `World` seeds one through the functions that the API uses.

world = await World.create()
customer = await world.customer(email="a@example.org")
task = await world.task(customer=customer, technician=world.alice)
device = await world.device(world.alice)
await world.push(device, world.item(task, "600"))
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sync.database import Tx, tx
from sync.enrolment import authenticate, enrol, issue_code
from sync.ids import new_account_number, new_id
from sync.intake import PushOutcome, push
from sync.messages import DeviceScope, Enrol, Item, Push
from sync.records.accounts import create_account
from sync.records.customers import put_customers, put_locations
from sync.records.people import put_units, put_users
from sync.records.shapes import (
    AccountPut,
    AssignmentPut,
    CustomerPut,
    LocationPut,
    Role,
    StateKind,
    StatePut,
    TaskPut,
    TaskTypePut,
    UnitPut,
    UserPut,
)
from sync.records.task_types import put_states, put_task_types
from sync.records.tasks import put_tasks

#: States of ProgressionLIVE's example and of what comes before and after, by code.
STATES: Final[dict[str, tuple[str, StateKind]]] = {
    "100": ("Planifié", "planned"),
    "200": ("En route", "active"),
    "300": ("Sur place", "active"),
    "600": ("Terminé", "done"),
    "610": ("Terminé (à recontacter)", "done"),
    "700": ("Fermé", "closed"),
    "900": ("Annulé", "cancelled"),
}

#: Long before anything a test does: technicians have had their tasks for ever.
LONG_AGO: Final = datetime(2009, 1, 1, tzinfo=UTC)


_SENDER: Final = """
INSERT INTO sender_identity (account, legal_name, postal_address, phone, email, url, domains)
VALUES ($1, 'Plomberie Exemple inc.', '1, rue du Quai\nRimouski QC G5L 1A1', '418 555-0100', '', '',
  '{}')
"""


class World:
    """One account: head office > region > two sites, three technicians, two types, `STATES`.

    `alice` and `bob` work at `site`, `carol` at `other_site`; `dispatcher` at head office.
    """

    account: int
    head_office: UUID
    region: UUID
    site: UUID
    other_site: UUID
    alice: UUID
    bob: UUID
    carol: UUID
    dispatcher: UUID
    service_call: UUID
    installation: UUID

    def __init__(self) -> None:
        self._sequence = 0

    @classmethod
    async def create(cls) -> "World":
        """A new account in the database that this event loop has open."""
        world = cls()
        world.account = new_account_number()
        async with tx(world.account) as opened:
            await create_account(opened, AccountPut(name="Plomberie Exemple"))
            await opened.execute(_SENDER, world.account)
            await world._put_people(opened)
            await world._put_kinds(opened)
        return world

    async def _put_people(self, opened: Tx) -> None:
        self.head_office, self.region = new_id(), new_id()
        self.site, self.other_site = new_id(), new_id()
        await put_units(
            opened,
            [
                UnitPut(id=self.head_office, kind="head_office", name="Siège social"),
                UnitPut(id=self.region, parent=self.head_office, kind="region", name="Est"),
                UnitPut(id=self.site, parent=self.region, kind="site", name="Rimouski"),
                UnitPut(id=self.other_site, parent=self.region, kind="site", name="Gaspé"),
            ],
        )
        people = [
            _user("alice", self.site),
            _user("bob", self.site),
            _user("carol", self.other_site),
            _user("diane", self.head_office, "dispatcher"),
        ]
        self.alice, self.bob, self.carol, self.dispatcher = await put_users(opened, people)

    async def _put_kinds(self, opened: Tx) -> None:
        states = [
            StatePut(code=code, name=name, kind=kind) for code, (name, kind) in STATES.items()
        ]
        await put_states(opened, states)
        types = [TaskTypePut(name="Appel de service"), TaskTypePut(name="Installation")]
        self.service_call, self.installation = await put_task_types(opened, types)

    async def user(self, name: str, *, unit: UUID | None = None, role: Role = "technician") -> UUID:
        """A user whose address is name@example.org."""
        async with tx(self.account) as opened:
            return (await put_users(opened, [_user(name, unit or self.site, role)]))[0]

    async def task_type(self, name: str, flow: dict[str, list[str]] | None = None) -> UUID:
        """A task type; `flow`: next states by state."""
        async with tx(self.account) as opened:
            return (await put_task_types(opened, [TaskTypePut(name=name, flow=flow or {})]))[0]

    async def customer(self, **fields: Any) -> UUID:
        """A customer without address unless `email` is given; fields as in `CustomerPut`."""
        return (await self.customers(fields))[0]

    async def customers(self, *wanted: dict[str, Any]) -> list[UUID]:
        """Customers as of `customer`, in one transaction."""
        entries = [CustomerPut(**{"name": "Marie Tremblay", **fields}) for fields in wanted]
        async with tx(self.account) as opened:
            return await put_customers(opened, entries)

    async def location(self, **fields: Any) -> UUID:
        """A location; fields as in `LocationPut`."""
        entry = LocationPut(**{"name": "Chalet", "address": "12, rue des Pins, Rimouski", **fields})
        async with tx(self.account) as opened:
            return (await put_locations(opened, [entry]))[0]

    async def task(self, *, technician: UUID | None = None, **fields: Any) -> UUID:
        """A planned service call that `technician` (alice) has had since `LONG_AGO`.

        Fields as in `TaskPut`; `assignments` or `pool` in place of the technician.
        """
        return (await self.tasks({"technician": technician, **fields}))[0]

    async def tasks(self, *wanted: dict[str, Any]) -> list[UUID]:
        """Tasks as of `task`, in one transaction."""
        async with tx(self.account) as opened:
            put = await put_tasks(opened, [self._task(**fields) for fields in wanted])
        return list(put.ids)

    def _task(self, *, technician: UUID | None = None, **fields: Any) -> TaskPut:
        usual: dict[str, Any] = {
            "type": self.service_call,
            "state": "100",
            "title": "Fuite au sous-sol",
            "unit": self.site,
            "created_at": LONG_AGO,
        }
        if not fields.keys() & {"assignments", "pool"}:
            turn = AssignmentPut(technician=technician or self.alice, start=LONG_AGO)
            usual["assignments"] = [turn]
        return TaskPut(**{**usual, **fields})

    async def device(self, technician: UUID) -> DeviceScope:
        """An enrolled device of `technician`."""
        return (await self.enrolled(technician))[0]

    async def enrolled(self, technician: UUID) -> tuple[DeviceScope, str]:
        """An enrolled device of `technician`, and the credential it shows over HTTP."""
        async with tx(self.account) as opened:
            code = await issue_code(opened, technician)
        credential = (await enrol(Enrol(code=code, name="Téléphone"))).credential
        scope = await authenticate(credential)
        assert scope is not None
        return scope, credential

    def item(self, task: UUID, state: str, moment: datetime | None = None, **fields: Any) -> Item:
        """A transition of `task` to `state`, a minute ago unless told.

        Sequences follow the moments, as those of devices whose clocks are right. `id`: text, or
        a UUID.
        """
        self._sequence += 1
        told = moment or datetime.now(UTC) - timedelta(minutes=1)
        elapsed = max(told - LONG_AGO, timedelta(0)) // timedelta(milliseconds=1)
        given: dict[str, Any] = {
            "sent_id": str(fields.pop("id", None) or new_id()),
            "task": task,
            "state": state,
            "moment": told,
            "sequence": elapsed * 1000 + self._sequence,
        }
        return Item(**{**given, **fields})

    async def push(self, device: DeviceScope, *items: Item) -> PushOutcome:
        """Push `items` in one batch from a device whose clock is right."""
        async with tx(self.account) as opened:
            now = opened.now
        return await push(device, Push(device_now=now, transitions=list(items)))


def _user(name: str, unit: UUID, role: Role = "technician") -> UserPut:
    return UserPut(unit=unit, role=role, name=name.title(), email=f"{name}@example.org")
