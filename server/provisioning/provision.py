"""Make a database ready for a process: roles, migrations, and the check that fences hold."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import asyncpg

from server.provisioning import ProvisionError
from server.provisioning.migrating import migrate
from server.provisioning.roles import (
    database_name,
    login_name,
    make_groups,
    make_logins,
    running_dsn,
)
from server.provisioning.waiting import report_waiting
from server.settings import Settings
from sync.connections import PATIENCE, Connector, WrongRoleError
from sync.database import DB, transaction
from sync.tables.schema import API_ROLE, WORKER_ROLE

if TYPE_CHECKING:
    from sync.connections import Connection

#: Any number will do, as long as nothing else in the database locks it.
PROVISION_LOCK: Final = 7_236_018_452

#: Earlier ones lack what the migrations use.
OLDEST: Final = (15,)

#: Tables without rows of one account; everything else must be fenced.
UNFENCED: Final = frozenset({"test_clock", "login", "throttle", "clock_turn", "migration"})

#: Functions that look as the owner, past the policies. Two tell of any account how far it is, and
#: no more; the last looks in the account of the scope alone.
LOOKING_AS_OWNER: Final = frozenset({"feed_heads", "mail_heads", "search_things"})

#: What the running roles may use of the owner's that reads as the owner, but for the names in $1.
_WAYS_PAST: Final = """
SELECT proname AS name FROM pg_proc p
WHERE pronamespace = 'public'::regnamespace AND prosecdef AND NOT (proname = ANY($1))
  AND pg_get_userbyid(proowner) = current_user
  AND EXISTS (SELECT FROM unnest($2::text[]) r WHERE has_function_privilege(r, p.oid, 'EXECUTE'))
UNION ALL
SELECT relname FROM pg_class c
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('v', 'm')
  AND NOT coalesce('security_invoker=true' = ANY(reloptions), false)
  AND pg_get_userbyid(relowner) = current_user
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
  AND EXISTS (SELECT FROM unnest($2::text[]) r WHERE has_table_privilege(r, c.oid, 'SELECT'))
"""

#: What a role meets that may not connect; a pooler that does not know it says the last.
_SHUT_OUT: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ProtocolViolationError,
)


async def provision(settings: Settings) -> tuple[str, str]:
    """Migrate as the owner, then give the addresses for the API and for workers.

    All of it is one transaction, its lock too: nothing stays with a session that a pooler gives to
    others. Safe when several processes start at once: one works, the others wait and say for whom.

    :raises ProvisionError: a running role could pass the fences or cannot sign in, the owner lacks
        a right, or a test moved the clock.
    """
    dsn = settings.database_url
    try:
        await DB.open(dsn, size=1, limit=None)
        async with transaction() as owner:
            await _prepare(settings, owner)
    except WrongRoleError as error:
        raise ProvisionError(str(error)) from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise ProvisionError(
            f"{error}: RETOUR_DATABASE_URL must name the database's owner, who needs CREATEROLE"
        ) from error
    finally:
        await DB.close()
    api, worker = (running_dsn(dsn, settings.secret, role) for role in (API_ROLE, WORKER_ROLE))
    await _sign_in(api)
    await _sign_in(worker)
    return api, worker


async def _prepare(settings: Settings, owner: "Connection") -> None:
    """Everything, as the owner in a transaction."""
    if owner.get_server_version() < OLDEST:
        raise ProvisionError("PostgreSQL 15 or later is needed")
    database = database_name(settings.database_url)
    async with report_waiting(settings.database_url, owner):
        await owner.execute("SELECT pg_advisory_xact_lock($1)", PROVISION_LOCK)
        await make_groups(owner)
        await migrate()
        # Last: others wait for it who share a group, whatever their database.
        await make_logins(owner, settings.secret, database)
    await _refuse_passable_fences(owner, database)
    if not settings.testing and await owner.fetchval("SELECT count(*) FROM test_clock"):
        raise ProvisionError("a test moved this database's clock; it cannot serve real work")


async def provision_new(settings: Settings) -> None:
    """Migrate a database that no process has used yet; any other is left as it is.

    So that a command may come first, and a mistyped secret changes no password of those at work.

    :raises ProvisionError: see `provision`.
    """
    database = database_name(settings.database_url)
    names = [login_name(database, role) for role in (API_ROLE, WORKER_ROLE)]
    async with as_owner(settings.database_url) as owner:
        known = await owner.fetchval(
            "SELECT count(*) = $2 AND to_regclass('account') IS NOT NULL"
            " FROM pg_roles WHERE rolname = ANY($1)",
            names,
            len(names),
        )
    if not known:
        await provision(settings)


@asynccontextmanager
async def as_owner(dsn: str) -> AsyncIterator["Connection"]:
    """A transaction of the owner's, who sees all accounts."""
    connection = await Connector(dsn, PATIENCE)()
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


async def _sign_in(address: str) -> None:
    """See that a running role can.

    :raises ProvisionError: it cannot, or somebody else did in its place.
    """
    try:
        connection = await Connector(address, PATIENCE)()
    except (*_SHUT_OUT, WrongRoleError) as error:
        name = urlsplit(address).username
        raise ProvisionError(f"the running role {name} cannot sign in: {error}") from None
    await connection.close()


async def _refuse_passable_fences(owner: "Connection", database: str) -> None:
    names = [login_name(database, role) for role in (API_ROLE, WORKER_ROLE)]
    strong = await owner.fetch(
        """
        SELECT r.rolname FROM pg_roles r
        WHERE r.rolname = ANY($1)
          AND EXISTS (
            SELECT FROM pg_roles held
            WHERE pg_has_role(r.oid, held.oid, 'MEMBER')
              AND (held.rolsuper OR held.rolbypassrls
                OR EXISTS (SELECT FROM pg_class WHERE relowner = held.oid)))
        """,
        names,
    )
    if strong:
        raise ProvisionError(
            f"{', '.join(row['rolname'] for row in strong)} could pass row-level security:"
            " a running role must own nothing, be no superuser and not have BYPASSRLS"
        )
    open_tables = await owner.fetch(
        """
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
          AND NOT (c.relname = ANY($1))
          AND (NOT c.relrowsecurity OR NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid))
        """,
        list(UNFENCED),
    )
    if open_tables:
        names_of = ", ".join(row["relname"] for row in open_tables)
        raise ProvisionError(f"no row-level security on: {names_of}")
    ways_past = await owner.fetch(_WAYS_PAST, list(LOOKING_AS_OWNER), [API_ROLE, WORKER_ROLE])
    if ways_past:
        names_of = ", ".join(row["name"] for row in ways_past)
        raise ProvisionError(f"row-level security is passed by: {names_of}")
