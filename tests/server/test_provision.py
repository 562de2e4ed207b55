"""Making a database ready: at once, twice, by many, and never with a fence that can be passed."""

import asyncio
import base64
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from server.postgres import Embedded
from server.provisioning import ProvisionError
from server.provisioning.provision import PROVISION_LOCK, provision, provision_new
from server.provisioning.roles import running_dsn, verifier
from server.settings import load
from sync.tables.schema import API_ROLE, WORKER_ROLE
from tests.faults.scene import eventually
from tests.support.databases import QUICK, SECRET, TestDatabase, renamed
from tests.support.silent_network import Cable

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def command(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def value(dsn: str, statement: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def login(dsn: str) -> str:
    """The login role of a running address, quoted."""
    return f'"{urlsplit(dsn).username}"'


@pytest.fixture
def empty(template: TestDatabase) -> Iterator[str]:
    """The owner's address of a database in which nothing was done yet."""
    dsn = template.owner
    fresh = renamed(dsn, "empty")
    asyncio.run(command(dsn, "CREATE DATABASE empty"))
    yield fresh
    roles = (API_ROLE, WORKER_ROLE)
    logins = [urlsplit(running_dsn(fresh, SECRET, role)).username for role in roles]
    asyncio.run(
        command(
            dsn,
            "DROP DATABASE empty WITH (FORCE)",
            *(f'DROP ROLE IF EXISTS "{name}"' for name in logins),
        )
    )


@pytest.fixture
def database(database: TestDatabase) -> TestDatabase:
    """A database whose logins are its own, so that a test may spoil them."""
    return TestDatabase(database.owner, *asyncio.run(provisioned(database.owner)))


#: Provisions the database that its argument names.
PROVISION = """
import asyncio, sys
from server.provisioning.provision import provision
from server.settings import load
asyncio.run(provision(load({}, database_url=sys.argv[1], secret=sys.argv[2])))
"""


async def provisioned(dsn: str) -> tuple[str, str]:
    return await provision(load({}, database_url=dsn, secret=SECRET))


async def test_an_empty_database_gets_tables_and_two_ordinary_roles(empty: str) -> None:
    api, worker = await provisioned(empty)
    assert await value(api, "SELECT count(*) FROM throttle") == 0
    assert await value(worker, "SELECT count(*) FROM clock_turn") == 0
    assert await value(worker, "SELECT has_table_privilege('session', 'SELECT')") is False


async def test_a_new_database_is_made_without_words(empty: str) -> None:
    with capture_logs() as heard:
        await provisioned(empty)
    assert heard == []


async def test_a_database_in_use_tells_of_each_migration(database: TestDatabase) -> None:
    undo = "DROP TABLE audit; DELETE FROM migration WHERE name = '2026-11-29T19:00:00:000000'"
    await command(database.owner, undo)
    with capture_logs() as heard:
        await provisioned(database.owner)
    begun, done = heard
    assert (begun["event"], done["event"]) == ("migrating", "migrated")
    assert (begun["app"], begun["migration"]) == ("sync", "2026-11-29T19:00:00:000000")
    assert done["what"] == "the record of changes"
    assert done["seconds"] >= 0


async def test_many_processes_may_start_on_an_empty_database_at_once(empty: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROVISION, empty, SECRET, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(5)
    ]
    ends = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 5, ends
    ran = "SELECT count(*) AS times FROM migration GROUP BY app_name, name"
    assert await value(empty, f"SELECT max(times) FROM ({ran}) AS each_once") == 1


async def test_a_command_may_be_the_first_and_changes_no_password_later(empty: str) -> None:
    await provision_new(load({}, database_url=empty, secret=SECRET))
    address = running_dsn(empty, SECRET, API_ROLE)
    assert await value(address, "SELECT 1") == 1
    await provision_new(load({}, database_url=empty, secret="a secret that was mistyped"))
    assert await value(address, "SELECT 1") == 1


async def test_a_running_role_that_is_superuser_is_refused(database: TestDatabase) -> None:
    await command(database.owner, f"ALTER ROLE {login(database.api)} SUPERUSER")
    with pytest.raises(ProvisionError, match="could pass row-level security"):
        await provisioned(database.owner)


async def test_a_running_role_that_bypasses_fences_is_refused(database: TestDatabase) -> None:
    await command(database.owner, f"ALTER ROLE {login(database.worker)} BYPASSRLS")
    with pytest.raises(ProvisionError, match="could pass row-level security"):
        await provisioned(database.owner)


async def test_a_running_role_that_owns_a_table_is_refused(database: TestDatabase) -> None:
    name = login(database.worker)
    await command(
        database.owner,
        f"GRANT CREATE ON SCHEMA public TO {name}",
        f"ALTER TABLE contact_use OWNER TO {name}",
    )
    with pytest.raises(ProvisionError, match="could pass row-level security"):
        await provisioned(database.owner)


async def test_a_running_role_inside_the_owners_is_refused(database: TestDatabase) -> None:
    await command(database.owner, f"GRANT retour_owner TO {login(database.api)}")
    with pytest.raises(ProvisionError, match="could pass row-level security"):
        await provisioned(database.owner)


async def test_a_table_without_a_fence_is_named(database: TestDatabase) -> None:
    await command(database.owner, "ALTER TABLE answer DISABLE ROW LEVEL SECURITY")
    with pytest.raises(ProvisionError, match="no row-level security on: answer"):
        await provisioned(database.owner)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        ("VIEW answers AS SELECT * FROM answer; GRANT SELECT ON answers TO retour_api", "answers"),
        (
            "FUNCTION peep() RETURNS bigint SECURITY DEFINER RETURN (SELECT count(*) FROM task)",
            "peep",
        ),
    ],
)
async def test_what_looks_past_the_fences_is_named(
    database: TestDatabase, made: str, name: str
) -> None:
    await command(database.owner, f"CREATE {made}")
    with pytest.raises(ProvisionError, match=f"row-level security is passed by: {name}"):
        await provisioned(database.owner)


async def test_what_runs_as_who_asks_or_is_for_others_is_no_concern(
    database: TestDatabase,
) -> None:
    await command(
        database.owner,
        "CREATE VIEW answers WITH (security_invoker = true) AS SELECT * FROM answer",
        "GRANT SELECT ON answers TO retour_api",
        "CREATE VIEW reports AS SELECT * FROM answer",
        "CREATE EXTENSION pg_stat_statements",
    )
    await provisioned(database.owner)


async def test_a_moved_clock_is_refused_outside_of_tests(database: TestDatabase) -> None:
    await command(database.owner, "INSERT INTO test_clock VALUES (1, '1 hour')")
    with pytest.raises(ProvisionError, match="moved this database's clock"):
        await provisioned(database.owner)


async def test_another_secret_changes_the_running_passwords(database: TestDatabase) -> None:
    before = database.api
    after, _worker = await provision(
        load({}, database_url=database.owner, secret="another secret of the tests")
    )
    assert await value(after, "SELECT 1") == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        await value(before, "SELECT 1")


def test_no_running_password_stands_in_the_log_of_postgresql() -> None:
    with tempfile.TemporaryDirectory(prefix="retour-tests-") as folder:
        Path(folder).chmod(0o755)
        embedded = Embedded(Path(folder), QUICK | {"log_statement": "all"})
        try:
            addresses = asyncio.run(provisioned(embedded.start().dsn))
            for address in addresses:
                assert asyncio.run(value(address, "SELECT 1")) == 1
        finally:
            embedded.stop()
        logged = (Path(folder) / "postgres.log").read_text()
    assert logged.count("PASSWORD") == 2
    for address in addresses:
        password = urlsplit(address).password
        assert password
        assert password not in logged


def test_a_verifier_is_what_postgresql_makes_itself() -> None:
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")  # the exchange of RFC 7677
    assert verifier("pencil", salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


async def test_an_address_without_a_database_is_refused(database: TestDatabase) -> None:
    parts = urlsplit(database.owner)
    with pytest.raises(ProvisionError, match="must name a database"):
        running_dsn(f"postgresql://{parts.netloc}", SECRET, API_ROLE)


def test_long_database_names_give_roles_that_fit() -> None:
    names = {
        urlsplit(running_dsn(f"postgresql://h/{'n' * length}", SECRET, API_ROLE)).username or ""
        for length in (40, 50, 60, 63)
    }
    assert len(names) == 4
    assert all(len(name) <= 63 for name in names)


def waiting(heard: list[MutableMapping[str, Any]]) -> Callable[[], Awaitable[bool]]:
    async def said() -> bool:
        return bool(heard)

    return said


@pytest.mark.parametrize(
    ("hold", "lock"),
    [
        (f"SELECT pg_advisory_lock({PROVISION_LOCK})", "advisory"),  # one of an earlier version
        ("BEGIN; LOCK TABLE migration", "migration"),
    ],
)
async def test_a_start_that_waits_for_a_lock_says_for_whose(
    database: TestDatabase, hold: str, lock: str
) -> None:
    holder = await asyncpg.connect(database.owner, server_settings={"application_name": "another"})
    await holder.execute(hold)
    with capture_logs() as heard:
        starting = asyncio.create_task(provisioned(database.owner))
        await eventually(waiting(heard), "it says what it waits for")
        [said] = heard
        assert (said["lock"], said["pid"]) == (lock, holder.get_server_pid())
        assert said["application_name"] == "another"
        assert not starting.done()
        await holder.close()
        assert await starting


@pytest.fixture
def neighbour(template: TestDatabase) -> Iterator[str]:
    """An empty database of another owner, who has what an owner needs, on the same server."""
    parts = urlsplit(renamed(template.owner, "neighbour"))
    dsn = urlunsplit(parts._replace(netloc=f"neighbour:sesame@{parts.hostname}:{parts.port}"))
    asyncio.run(
        command(
            template.owner,
            "CREATE ROLE neighbour LOGIN CREATEROLE PASSWORD 'sesame'",
            "CREATE DATABASE neighbour OWNER neighbour",
        )
    )
    yield dsn
    logins = [running_dsn(dsn, SECRET, role) for role in (API_ROLE, WORKER_ROLE)]
    asyncio.run(
        command(
            template.owner,
            "DROP DATABASE neighbour WITH (FORCE)",
            *(f"DROP ROLE IF EXISTS {login(address)}" for address in logins),
            f"REVOKE {API_ROLE}, {WORKER_ROLE} FROM neighbour",
            "DROP ROLE neighbour",
        )
    )


async def test_another_owner_on_one_server_is_told_what_to_ask_for_and_then_works(
    template: TestDatabase, neighbour: str
) -> None:
    with pytest.raises(ProvisionError, match=API_ROLE) as refused:
        await provisioned(neighbour)
    for role in (API_ROLE, WORKER_ROLE):
        advice = f'GRANT "{role}" TO "neighbour" WITH ADMIN OPTION;'
        if role == API_ROLE:
            assert advice in str(refused.value)
        await command(template.owner, advice)
    api, worker = await provisioned(neighbour)
    assert await value(api, "SELECT count(*) FROM throttle") == 0
    assert await value(worker, "SELECT count(*) FROM clock_turn") == 0
    foreign = renamed(api, urlsplit(template.owner).path.lstrip("/"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await value(foreign, "SELECT 1")


async def test_an_owner_without_createrole_is_told_so(template: TestDatabase) -> None:
    parts = urlsplit(renamed(template.owner, "lowly"))
    dsn = urlunsplit(parts._replace(netloc=f"lowly:sesame@{parts.hostname}:{parts.port}"))
    await command(
        template.owner,
        "CREATE ROLE lowly LOGIN PASSWORD 'sesame'",
        "CREATE DATABASE lowly OWNER lowly",
    )
    try:
        with pytest.raises(ProvisionError, match="who needs CREATEROLE"):
            await provisioned(dsn)
    finally:
        await command(template.owner, "DROP DATABASE lowly WITH (FORCE)", "DROP ROLE lowly")


async def test_a_start_on_a_database_that_says_nothing_ends_in_words(
    database: TestDatabase,
) -> None:
    with Cable(database.owner) as cable:
        cable.silence()
        with pytest.raises(TimeoutError, match="no answer within 5 seconds"):
            await provisioned(cable.through(database.owner))
