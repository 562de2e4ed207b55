"""Codes turn into devices once, in time; credentials work until they are revoked."""

import asyncio
import re
from datetime import timedelta
from uuid import UUID

import pytest

from sync.database import tx
from sync.enrolment import authenticate, enrol, issue_code, revoke
from sync.errors import EnrolmentError, MissingError
from sync.ids import locator, new_id
from sync.messages import DeviceScope, Enrol
from sync.records.people import put_users
from sync.records.reading import get_device, list_devices
from sync.records.shapes import UserPut
from tests.support.owner import Owner
from tests.support.world import World

pytestmark = pytest.mark.anyio


async def code_for(world: World, technician: UUID) -> str:
    async with tx(world.account) as opened:
        return await issue_code(opened, technician)


async def test_a_code_becomes_a_device_with_a_credential(world: World) -> None:
    code = await code_for(world, world.alice)
    assert re.fullmatch(r"([0-9A-Z]{4}-){3}[0-9A-Z]{4}", code)
    assert code.replace("-", "").startswith(locator(world.account))
    enrolled = await enrol(Enrol(code=code, name="Téléphone"))
    scope = DeviceScope(world.account, enrolled.device, world.alice)
    assert await authenticate(enrolled.credential) == scope
    async with tx(world.account) as opened:
        device = await get_device(opened, enrolled.device)
        assert await list_devices(opened, 10) == [device]
    assert (device.name, device.technician) == ("Téléphone", world.alice)
    assert device.revoked_at is None


async def test_a_code_is_read_as_people_type_it(world: World) -> None:
    code = await code_for(world, world.alice)
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert (await enrol(Enrol(code=f" {typed} ", name="Téléphone"))).device


async def test_a_code_works_once(world: World) -> None:
    code = await code_for(world, world.alice)
    tries = [enrol(Enrol(code=code, name="Téléphone")) for _ in range(4)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(outcome, EnrolmentError) for outcome in outcomes) == 3
    async with tx(world.account) as opened:
        assert len(await list_devices(opened, 10)) == 1


async def test_a_code_works_for_ten_minutes(world: World, owner: Owner) -> None:
    late, timely = await code_for(world, world.alice), await code_for(world, world.alice)
    await owner.move_clock(timedelta(minutes=9, seconds=30))
    assert (await enrol(Enrol(code=timely, name="Téléphone"))).device
    await owner.move_clock(timedelta(minutes=10, seconds=1))
    with pytest.raises(EnrolmentError):
        await enrol(Enrol(code=late, name="Téléphone"))


@pytest.mark.parametrize("change", ["", "A", "!", "0000"])
async def test_no_code_is_no_code(world: World, change: str) -> None:
    code = (await code_for(world, world.alice)).replace("-", "")
    wrong = [change, code[:-1] + change, change + code, code[:8] + "U" * 8, "Z" * 16]
    for text in wrong:
        if text != code:
            with pytest.raises(EnrolmentError):
                await enrol(Enrol(code=text, name="Téléphone"))


async def test_only_active_technicians_get_codes(world: World) -> None:
    async with tx(world.account) as opened:
        await put_users(opened, [UserPut(id=world.bob, active=False)])
    for who in (world.dispatcher, world.bob, new_id()):
        with pytest.raises(MissingError):
            await code_for(world, who)


async def test_only_hashes_are_stored(world: World, owner: Owner) -> None:
    code = await code_for(world, world.alice)
    credential = (await enrol(Enrol(code=code, name="Téléphone"))).credential
    rows = await owner.connection.fetch("SELECT code_hash FROM enrolment_code")
    rows += await owner.connection.fetch("SELECT credential_hash FROM device")
    assert all(len(row[0]) == 32 for row in rows)
    assert credential.startswith(locator(world.account))
    assert len(credential) == 51


async def test_a_revoked_device_is_nobody_s(world: World) -> None:
    scope, credential = await world.enrolled(world.alice)
    for _ in range(2):
        async with tx(world.account) as opened:
            await revoke(opened, scope.device)
    assert await authenticate(credential) is None
    async with tx(world.account) as opened:
        assert (await get_device(opened, scope.device)).revoked_at is not None
    async with tx(world.account) as opened:
        with pytest.raises(MissingError):
            await revoke(opened, new_id())


async def test_a_technician_who_left_has_no_device_and_no_code(world: World) -> None:
    code = await code_for(world, world.alice)
    _, credential = await world.enrolled(world.alice)
    async with tx(world.account) as opened:
        await put_users(opened, [UserPut(id=world.alice, active=False)])
    assert await authenticate(credential) is None
    with pytest.raises(EnrolmentError):
        await enrol(Enrol(code=code, name="Téléphone"))


async def test_another_account_s_credential_opens_nothing_here(world: World) -> None:
    _, credential = await world.enrolled(world.alice)
    other = await World.create()
    moved = locator(other.account) + credential[8:]
    assert await authenticate(moved) is None
    for text in ("", "x" * 51, credential[:-1], "é" * 51):
        assert await authenticate(text) is None
