"""The demo's clock can be moved, and no other's."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.cli import accounts
from server.cli.main import main
from server.demo.time_shift import RealAccountError, move_clock
from server.provisioning import ProvisionError
from server.provisioning.provision import as_owner, provision, provision_new
from server.settings import load
from sync.records.shapes import AccountPut
from tests.support.databases import SECRET, TestDatabase, clone
from tests.support.seeding import seeded

pytestmark = pytest.mark.slow


@pytest.fixture
def moved(template: TestDatabase) -> Iterator[TestDatabase]:
    """A demo whose clock was moved by twelve hours."""
    with clone(template) as made:
        asyncio.run(seeded(made))
        asyncio.run(move(made))
        yield made


async def move(database: TestDatabase) -> None:
    """Move a demo's clock, as `retour demo` does."""
    async with as_owner(database.owner) as owner:
        before = await owner.fetchval("SELECT retour_now()")
        result = await move_clock(owner, timedelta(hours=12))
    assert timedelta(hours=12) <= result.now - before < timedelta(hours=12, minutes=1)


def test_a_moved_demo_serves_nothing_but_itself(moved: TestDatabase) -> None:
    settings = load({}, database_url=moved.owner, secret=SECRET)

    async def tried() -> None:
        await move(moved)
        with pytest.raises(ProvisionError, match="moved this database's clock"):
            await provision(settings)
        await provision(settings, may_be_moved=True)
        founder = accounts.Founder("Zoé Roy", "zoe@autre.example", "une longue phrase", "fr_CA")
        company = AccountPut(name="Autre", zone="America/Toronto", language="fr_CA")
        with pytest.raises(accounts.MovedClockError):
            await accounts.new_account(settings, company, founder)
        async with as_owner(moved.owner) as owner:
            assert await owner.fetchval("SELECT count(*) FROM account") == 1

    asyncio.run(tried())


def test_the_time_of_real_accounts_is_never_moved(template: TestDatabase, tmp_path: Path) -> None:
    founder = accounts.Founder("Zoé Roy", "zoe@autre.example", "une longue phrase", "fr_CA")
    company = AccountPut(name="Autre", zone="America/Toronto", language="fr_CA")

    async def tried(database: TestDatabase) -> None:
        settings = load({}, database_url=database.owner, secret=SECRET)
        await provision_new(settings)
        for make in (lambda: accounts.new_account(settings, company, founder), demo):
            await make()
            async with as_owner(database.owner) as owner:
                with pytest.raises(RealAccountError):
                    await move_clock(owner, timedelta(hours=12))
                assert await owner.fetchval("SELECT count(*) FROM test_clock") == 0

    async def demo() -> None:
        await seeded(made)

    with clone(template) as made:
        asyncio.run(tried(made))
        env = {"RETOUR_DATABASE_URL": made.owner, "RETOUR_SECRET": SECRET, "LC_ALL": "en_CA"}
        said = CliRunner().invoke(main, ["demo", "--data", str(tmp_path)], env=env)
    assert said.exit_code == 1
    assert "Only the database of `retour up` has a clock to move" in said.stderr
