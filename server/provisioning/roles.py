"""The roles of one database: two groups that own nothing, and a login in each.

Roles are the server's, not the database's. The groups are shared by all Retours of a server, and
from PostgreSQL 16 on belong to whoever made them; the logins carry the database's name.
"""

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg

from server.provisioning import ProvisionError
from sync.connections import STATEMENT
from sync.tables.schema import API_ROLE, WORKER_ROLE

if TYPE_CHECKING:
    from sync.connections import Connection

#: PostgreSQL's own for SCRAM-SHA-256.
ROUNDS: Final = 4096
SALT_BYTES: Final = 16

#: Two databases of one server may be the first at the same time.
_GROUPS: Final = """
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['retour_api', 'retour_worker'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
      END;
    END IF;
  END LOOP;
END $$
"""

#: What the running roles work with.
SESSION: Final = {
    "statement_timeout": f"{STATEMENT}s",
    "lock_timeout": "10s",
    # A stopped worker must not hold its account's turn for longer than others wait for it.
    "idle_in_transaction_session_timeout": "8s",
    # Every statement of ours has an index to go by. Queues are empty one moment and full the
    # next: a plan made in the first must not read whole tables in the second.
    "enable_seqscan": "off",
    # Before version 18 what is off only costs much, and what costs much would be compiled.
    "jit": "off",
    # A client whose network is gone says no goodbye; its session would stay for two hours.
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


def running_dsn(owner_dsn: str, secret: str, role: str) -> str:
    """The address at which the running role `role` of this database connects."""
    parts = urlsplit(owner_dsn)
    name = login_name(database_name(owner_dsn), role)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(name)}:{_password(secret, name)}@{host}"
    return urlunsplit(parts._replace(netloc=netloc))


def database_name(dsn: str) -> str:
    """The database that an address names.

    :raises ProvisionError: it names none.
    """
    name = unquote(urlsplit(dsn).path.lstrip("/"))
    if not name:
        raise ProvisionError("RETOUR_DATABASE_URL must name a database: postgresql://host/NAME")
    return name


def login_name(database: str, role: str) -> str:
    """The login in the group `role` of a database."""
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


async def make_groups(owner: "Connection") -> None:
    """Make the groups that migrations speak of, where no Retour of this server did.

    :raises InsufficientPrivilegeError: they are missing, and the owner has not CREATEROLE.
    """
    await owner.execute(_GROUPS)


async def make_logins(owner: "Connection", secret: str, database: str) -> None:
    """Make the logins, or give them their password and settings anew.

    :raises ProvisionError: a role belongs to another owner.
    """
    for role in (API_ROLE, WORKER_ROLE):
        await _make_login(owner, secret, database, role)


async def _make_login(owner: "Connection", secret: str, database: str, role: str) -> None:
    name = login_name(database, role)
    if not await owner.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
        await owner.execute(f"CREATE ROLE {_quoted(name)} LOGIN")
    stored = verifier(_password(secret, name), secrets.token_bytes(SALT_BYTES))
    settings = [
        f"ALTER ROLE {_quoted(name)} SET {key} = '{value}'" for key, value in SESSION.items()
    ]
    await _as_owner_of(owner, name, f"ALTER ROLE {_quoted(name)} PASSWORD '{stored}'", *settings)
    if not await owner.fetchval("SELECT pg_has_role($1::name, $2::name, 'MEMBER')", name, role):
        await _as_owner_of(owner, role, f"GRANT {role} TO {_quoted(name)}")
    await owner.execute(
        f"REVOKE CONNECT, TEMPORARY ON DATABASE {_quoted(database)} FROM PUBLIC;"
        f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {_quoted(name)};"
    )


async def _as_owner_of(owner: "Connection", role: str, *statements: str) -> None:
    """Run `statements`, which need the right to administer `role`.

    :raises ProvisionError: it is somebody else's; the text says what helps.
    """
    me = await owner.fetchval("SELECT current_user")
    try:
        await owner.execute(";".join(statements))
    except asyncpg.InsufficientPrivilegeError:
        raise ProvisionError(
            f"the role {role} of this server was made for another installation, and {me} may not"
            " use it. Whoever made it, or PostgreSQL's administrator, can share it:"
            f" GRANT {_quoted(role)} TO {_quoted(me)} WITH ADMIN OPTION;"
        ) from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
