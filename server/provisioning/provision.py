"""Prepares a database for a process: roles, migrations, and checks of row-level security."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import asyncpg

from mail.wording import _
from server.provisioning import ProvisionError
from server.provisioning.blocking_sessions import report_waiting
from server.provisioning.migrating import migrate
from server.provisioning.roles import (
    database_name,
    login_name,
    make_groups,
    make_logins,
    running_dsn,
)
from server.settings import Settings
from sync.connections import PATIENCE, Connector, WrongRoleError
from sync.database import DB, transaction
from sync.tables.schema import API_ROLE, WORKER_ROLE

if TYPE_CHECKING:
    from sync.connections import Connection

#: The key of the advisory lock; any number that nothing else in the database locks.
PROVISION_LOCK: Final = 7_236_018_452

#: PostgreSQL's oldest version that has what the migrations use.
OLDEST: Final = (15,)

#: Tables that hold rows of no account; all others must have row-level security.
UNFENCED: Final = frozenset({"test_clock", "login", "throttle", "clock_turn", "migration"})

#: Functions that read with the owner's rights, past the policies. Two give the positions of any
#: account and nothing else; the last reads in the account of the scope only.
LOOKING_AS_OWNER: Final = frozenset({"feed_heads", "mail_heads", "search_things"})

#: Roles of $1 that could pass row-level security, by themselves or as members of others.
_PRIVILEGED_ROLES: Final = """
SELECT r.rolname AS name FROM pg_roles r
WHERE r.rolname = ANY($1)
  AND EXISTS (
    SELECT FROM pg_roles held
    WHERE pg_has_role(r.oid, held.oid, 'MEMBER')
      AND (held.rolsuper OR held.rolbypassrls
        OR EXISTS (SELECT FROM pg_class WHERE relowner = held.oid)))
"""

#: Tables without row-level security or a policy, except for those in $1.
_OPEN_TABLES: Final = """
SELECT c.relname AS name FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND NOT (c.relname = ANY($1))
  AND (NOT c.relrowsecurity OR NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid))
"""

#: Functions and views that the roles of $2 may use and that read with the owner's rights, except
#: for those in $1.
_BYPASSES: Final = """
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

_MOVED: Final = _("a test or `retour demo` moved this database's clock; it cannot serve real work")

#: Errors of a role that may not connect; the last is a pooler's that does not know it.
_REFUSED_LOGIN: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ProtocolViolationError,
)


async def provision(settings: Settings, *, may_be_moved: bool = False) -> tuple[str, str]:
    """Migrate as the owner, and return the addresses for the API and for workers.

    One transaction with its lock, so that no state stays in a session that a pooler shares. When
    several processes start at once, one works, and the others wait and log for whom.

    `may_be_moved`: whether its clock may have been moved, as that of the demonstration may.

    :raises ProvisionError: a running role could pass row-level security or cannot sign in, the
        owner lacks a right, or the clock was moved.
    """
    dsn = settings.database_url
    try:
        await DB.open(dsn, size=1, limit=None)
        async with transaction() as owner:
            await _prepare(settings, owner)
            is_moved = await owner.fetchval("SELECT count(*) FROM test_clock")
            if is_moved and not settings.testing and not may_be_moved:
                raise ProvisionError(_MOVED)
    except WrongRoleError as error:
        raise ProvisionError(_("the database refuses: %(error)s"), error=error) from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise ProvisionError(
            _(
                "%(error)s: RETOUR_DATABASE_URL must name the database's owner, who needs"
                " CREATEROLE"
            ),
            error=error,
        ) from error
    finally:
        await DB.close()
    api, worker = (running_dsn(dsn, settings.secret, role) for role in (API_ROLE, WORKER_ROLE))
    await _sign_in(api)
    await _sign_in(worker)
    return api, worker


async def _prepare(settings: Settings, owner: "Connection") -> None:
    """Make roles, migrate and check the result, in the owner's transaction."""
    if owner.get_server_version() < OLDEST:
        raise ProvisionError(_("PostgreSQL 15 or later is needed"))
    database = database_name(settings.database_url)
    async with report_waiting(settings.database_url, owner):
        await owner.execute("SELECT pg_advisory_xact_lock($1)", PROVISION_LOCK)
        await make_groups(owner)
        await migrate()
        # Last: it locks the groups, which all databases of the server share.
        await make_logins(owner, settings.secret, database)
    await _check_row_level_security(owner, database)


async def provision_new(settings: Settings) -> None:
    """Provision a database that no process has used yet; leave any other as it is.

    So a command may be the first to use a database, and one with a mistyped secret does not change
    the password of running processes.

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
    """A transaction of the owner, who sees all accounts."""
    connection = await Connector(dsn, PATIENCE)()
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


async def _sign_in(address: str) -> None:
    """Check that a running role can sign in.

    :raises ProvisionError: it cannot, or the session has another role.
    """
    try:
        connection = await Connector(address, PATIENCE)()
    except (*_REFUSED_LOGIN, WrongRoleError) as error:
        name = urlsplit(address).username
        raise ProvisionError(
            _("the running role %(name)s cannot sign in: %(error)s"), name=name, error=error
        ) from None
    await connection.close()


async def _check_row_level_security(owner: "Connection", database: str) -> None:
    """:raises ProvisionError: a running role could read rows of another account."""
    logins = [login_name(database, role) for role in (API_ROLE, WORKER_ROLE)]
    if strong := await owner.fetch(_PRIVILEGED_ROLES, logins):
        raise ProvisionError(
            _(
                "%(names)s could pass row-level security: a running role must own nothing, be no"
                " superuser and not have BYPASSRLS"
            ),
            names=_names(strong),
        )
    if open_tables := await owner.fetch(_OPEN_TABLES, list(UNFENCED)):
        raise ProvisionError(_("no row-level security on: %(names)s"), names=_names(open_tables))
    if bypasses := await owner.fetch(_BYPASSES, list(LOOKING_AS_OWNER), [API_ROLE, WORKER_ROLE]):
        raise ProvisionError(
            _("row-level security is passed by: %(names)s"), names=_names(bypasses)
        )


def _names(rows: Iterable[asyncpg.Record]) -> str:
    return ", ".join(row["name"] for row in rows)
