"""Make a database ready for a process: roles, migrations, and the check that fences hold."""

import base64
import contextlib
import hashlib
import hmac
import io
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg
from piccolo.apps.migrations.commands.forwards import run_forwards

from server.settings import Settings
from sync.database import DB
from sync.schema import API_ROLE, FENCES, WORKER_ROLE, execute_script

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

#: Any number will do, as long as nothing else in the database locks it.
PROVISION_LOCK: Final = 7_236_018_452

#: PostgreSQL's own for SCRAM-SHA-256.
ROUNDS: Final = 4096
SALT_BYTES: Final = 16

#: Earlier ones lack what the migrations use.
OLDEST: Final = (15,)

#: Tables without rows of one account; everything else must be fenced.
UNFENCED: Final = frozenset({"test_clock", "login", "throttle", "clock_turn", "migration"})

GROUP_ROLES: Final = """
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['retour_api', 'retour_worker'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', name);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
END $$
"""

#: What the running roles work with.
SESSION: Final = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    # A stopped worker must not hold its account's turn for longer than others wait for it.
    "idle_in_transaction_session_timeout": "8s",
    # Every statement of ours has an index to go by. Queues are empty one moment and full the
    # next: a plan made in the first must not read whole tables in the second.
    "enable_seqscan": "off",
    # Before version 18 what is off only costs much, and what costs much would be compiled.
    "jit": "off",
}


class ProvisionError(RuntimeError):
    """The database cannot be used safely; the text says why."""


def running_dsn(owner_dsn: str, secret: str, role: str) -> str:
    """The address at which the running role `role` of this database connects."""
    parts = urlsplit(owner_dsn)
    name = _login_name(_database_name(owner_dsn), role)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(name)}:{_password(secret, name)}@{host}"
    return urlunsplit(parts._replace(netloc=netloc))


def _database_name(dsn: str) -> str:
    name = unquote(urlsplit(dsn).path.lstrip("/"))
    if not name:
        raise ProvisionError("RETOUR_DATABASE_URL must name a database: postgresql://host/NAME")
    return name


def _login_name(database: str, role: str) -> str:
    """Roles are the server's, not the database's: the login carries the database's name."""
    name = f"{database}_{role}_login"
    if len(name) <= 60:
        return name
    return f"{name[:40]}_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _password(secret: str, name: str) -> str:
    return hmac.new(secret.encode(), f"role:{name}".encode(), hashlib.sha256).hexdigest()


def verifier(password: str, salt: bytes) -> str:
    """What PostgreSQL stores of `password`, an ASCII text (RFC 5802, RFC 7677).

    Sent instead of the password, for a statement that fails goes to PostgreSQL's log.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = (salt, hashlib.sha256(client).digest(), server)
    said, stored, served = (base64.b64encode(part).decode() for part in parts)
    return f"SCRAM-SHA-256${ROUNDS}:{said}${stored}:{served}"


async def provision(settings: Settings) -> tuple[str, str]:
    """Migrate as the owner, then give the addresses for the API and for workers.

    Safe when several processes start at once: one works, the others wait for it.

    :raises ProvisionError: a running role could pass the fences, or a test moved the clock.
    """
    owner = await asyncpg.connect(settings.database_url)
    try:
        if owner.get_server_version() < OLDEST:
            raise ProvisionError("PostgreSQL 15 or later is needed")
        await owner.execute("SELECT pg_advisory_lock($1)", PROVISION_LOCK)
        await owner.execute(GROUP_ROLES)
        database = _database_name(settings.database_url)
        for role in (API_ROLE, WORKER_ROLE):
            await _login_role(owner, settings.secret, database, role)
        await _migrate(settings.database_url)
        await _refuse_passable_fences(owner, database)
        if not settings.testing and await owner.fetchval("SELECT count(*) FROM test_clock"):
            raise ProvisionError("a test moved this database's clock; it cannot serve real work")
    finally:
        await owner.close()
    return (
        running_dsn(settings.database_url, settings.secret, API_ROLE),
        running_dsn(settings.database_url, settings.secret, WORKER_ROLE),
    )


async def provision_new(settings: Settings) -> None:
    """Migrate a database that no process has used yet; any other is left as it is.

    So that a command may come first, and a mistyped secret changes no password of those at work.

    :raises ProvisionError: see `provision`.
    """
    owner = await asyncpg.connect(settings.database_url)
    try:
        database = _database_name(settings.database_url)
        names = [_login_name(database, role) for role in (API_ROLE, WORKER_ROLE)]
        known = await owner.fetchval(
            "SELECT count(*) = $2 AND to_regclass('account') IS NOT NULL"
            " FROM pg_roles WHERE rolname = ANY($1)",
            names,
            len(names),
        )
    finally:
        await owner.close()
    if not known:
        await provision(settings)


async def _login_role(owner: "Connection", secret: str, database: str, role: str) -> None:
    name = _login_name(database, role)
    exists = await owner.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name)
    quoted = '"' + name.replace('"', '""') + '"'
    if not exists:
        await owner.execute(f"CREATE ROLE {quoted} LOGIN")
    stored = verifier(_password(secret, name), secrets.token_bytes(SALT_BYTES))
    await owner.execute(
        f"ALTER ROLE {quoted} PASSWORD '{stored}';"
        f"GRANT {role} TO {quoted};"
        + "".join(f"ALTER ROLE {quoted} SET {key} = '{value}';" for key, value in SESSION.items())
    )
    target = '"' + database.replace('"', '""') + '"'
    await owner.execute(
        f"REVOKE CONNECT, TEMPORARY ON DATABASE {target} FROM PUBLIC;"
        f"GRANT CONNECT ON DATABASE {target} TO {quoted};"
    )


async def _migrate(owner_dsn: str) -> None:
    """All outstanding migrations and their records in one transaction."""
    await DB.open(owner_dsn, size=1)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            async with DB.transaction():
                await execute_script(FENCES)
                outcome = await run_forwards("all")
    finally:
        await DB.close()
    if not outcome.success:
        raise ProvisionError(f"migrations failed: {outcome.message}")


async def _refuse_passable_fences(owner: "Connection", database: str) -> None:
    names = [_login_name(database, role) for role in (API_ROLE, WORKER_ROLE)]
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
