"""An account with people who can sign in, a program's token and a device, for HTTP tests."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from server.access.passwords import hash_password
from server.access.principals import API_PREFIX, DEVICE_PREFIX
from server.access.sessions import register
from sync import tokens
from sync.database import DB, tx
from sync.records.people import set_password
from tests.support.coroutines import apart
from tests.support.databases import TestDatabase
from tests.support.world import World

T = TypeVar("T")

PASSWORD = "correct horse battery staple"
_HASH = hash_password(PASSWORD)

_ADD_TOKEN = """
INSERT INTO api_token (account, token_hash, name, created_by, created_at, expires_at)
VALUES ($1, $2, 'tests', NULL, retour_now(), retour_now() + interval '1 year')
"""


class Office(msgspec.Struct, frozen=True, kw_only=True):
    """`world`: the account. Headers name the program's token and alice's device.

    `people`: ids by role, each of whom signs in as role.NAME@example.org with `PASSWORD`.
    """

    name: str
    world: World
    token: str
    credential: str
    people: dict[str, UUID]
    task: UUID
    customer: UUID

    @property
    def program(self) -> dict[str, str]:
        """Headers of a program with an API token."""
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def device(self) -> dict[str, str]:
        """Headers of alice's device."""
        return {"Authorization": f"Bearer {self.credential}"}

    def address(self, role: str) -> str:
        """What the person of `role` signs in with."""
        return f"{role}.{self.name}@example.org"


def in_database(dsn: str, work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work` with the database open on a loop of its own."""

    async def opened() -> T:
        await DB.open(dsn, size=2)
        try:
            return await work()
        finally:
            await DB.close()

    return apart(opened())


def open_office(database: TestDatabase, name: str = "north") -> Office:
    """A new office in `database`."""
    return in_database(database.api, lambda: _open(name))


async def _open(name: str) -> Office:
    world = await World.create()
    people = {role: await open_door(world, role, name) for role in ROLES}
    _, credential = await world.enrolled(world.alice)
    customer = await world.customer(email=f"customer@{name}.example.org")
    return Office(
        name=name,
        world=world,
        token=await add_token(world.account),
        credential=DEVICE_PREFIX + credential,
        people=people,
        task=await world.task(customer=customer, title=f"Secret de {name}"),
        customer=customer,
    )


ROLES: tuple[Any, ...] = ("administrator", "manager", "dispatcher", "technician")


async def open_door(world: World, role: Any, name: str, *, unit: UUID | None = None) -> UUID:
    """A person of `role`, at alice's site or at `unit`, who signs in as role.NAME@example.org."""
    user = await world.user(f"{role}.{name}", role=role, unit=unit)
    async with tx(world.account) as opened:
        await set_password(opened, user, _HASH)
        await register(opened, user, f"{role}.{name}@example.org")
    return user


async def add_token(account: int) -> str:
    """A token with which a program of `account` signs in."""
    secret = tokens.mint()
    async with tx(account) as opened:
        await opened.execute(_ADD_TOKEN, account, tokens.digest(secret))
    return API_PREFIX + tokens.write(account, secret)
