"""The roles of one database: two groups that own nothing, and a login in each.

Roles belong to the server, not to a database. The groups are shared by all installations on a
server, and from PostgreSQL 16 on administered by the role that made them; the names of the logins
contain that of their database.
"""

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg

from mail.wording import _
from server.provisioning import ProvisionError
from sync.connections import STATEMENT
from sync.tables.schema import API_ROLE, WORKER_ROLE

if TYPE_CHECKING:
    from sync.connections import Connection

#: PostgreSQL's defaults for SCRAM-SHA-256.
ROUNDS: Final = 4096
SALT_BYTES: Final = 16

#: Two databases of one server may be provisioned first at the same time.
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

#: Settings of the sessions of the running roles.
SESSION: Final = {
    "statement_timeout": f"{STATEMENT}s",
    "lock_timeout": "10s",
    # A worker that is stopped must not keep its locks for longer than others wait for them.
    "idle_in_transaction_session_timeout": "8s",
    # Every statement has an index to use. A queue is empty at one moment and full at the next: a
    # plan that was made for an empty table must not scan a full one.
    "enable_seqscan": "off",
    # Before version 18, sequential scans that are off get a high cost, at which JIT would start.
    "jit": "off",
    # The session of a client whose network was lost would stay open for two hours.
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


def running_dsn(owner_dsn: str, secret: str, role: str) -> str:
    """The address with which the running role in the group `role` connects to this database."""
    parts = urlsplit(owner_dsn)
    name = login_name(database_name(owner_dsn), role)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(name)}:{_password(secret, name)}@{host}"
    return urlunsplit(parts._replace(netloc=netloc))


def database_name(dsn: str) -> str:
    """The name of the database in an address.

    :raises ProvisionError: there is none.
    """
    name = unquote(urlsplit(dsn).path.lstrip("/"))
    if not name:
        raise ProvisionError(
            _("RETOUR_DATABASE_URL must name a database, such as postgresql://host/retour")
        )
    return name


def login_name(database: str, role: str) -> str:
    """The name of a database's login in the group `role`; shortened where it is too long."""
    name = f"{database}_{role}_login"
    if len(name) <= 60:
        return name
    return f"{name[:40]}_{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _password(secret: str, name: str) -> str:
    return hmac.new(secret.encode(), f"role:{name}".encode(), hashlib.sha256).hexdigest()


def verifier(password: str, salt: bytes) -> str:
    """The SCRAM verifier that PostgreSQL stores of `password`, an ASCII text (RFC 5802, RFC 7677).

    It is sent instead of the password, for PostgreSQL logs a statement that fails.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    parts = (salt, hashlib.sha256(client).digest(), server)
    salt_text, stored_key, server_key = (base64.b64encode(part).decode() for part in parts)
    return f"SCRAM-SHA-256${ROUNDS}:{salt_text}${stored_key}:{server_key}"


async def make_groups(owner: "Connection") -> None:
    """Make the groups that migrations name, where the server does not have them yet.

    :raises InsufficientPrivilegeError: they are missing, and the owner does not have CREATEROLE.
    """
    await owner.execute(_GROUPS)


async def make_logins(owner: "Connection", secret: str, database: str) -> None:
    """Make the logins where they are missing, and set their passwords and settings.

    :raises ProvisionError: a role is administered by another installation.
    """
    for role in (API_ROLE, WORKER_ROLE):
        name = login_name(database, role)
        login = _quoted(name)
        if not await owner.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", name):
            await owner.execute(f"CREATE ROLE {login} LOGIN")
        stored = verifier(_password(secret, name), secrets.token_bytes(SALT_BYTES))
        settings = [f"ALTER ROLE {login} SET {key} = '{value}'" for key, value in SESSION.items()]
        await _administer(owner, name, f"ALTER ROLE {login} PASSWORD '{stored}'", *settings)
        if not await owner.fetchval("SELECT pg_has_role($1::name, $2::name, 'MEMBER')", name, role):
            await _administer(owner, role, f"GRANT {role} TO {login}")
        await owner.execute(
            f"REVOKE CONNECT, TEMPORARY ON DATABASE {_quoted(database)} FROM PUBLIC;"
            f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {login};"
        )


async def _administer(owner: "Connection", role: str, *statements: str) -> None:
    """Run `statements`, which need the right to administer `role`.

    :raises ProvisionError: the owner does not have it; the text names the remedy.
    """
    me = await owner.fetchval("SELECT current_user")
    try:
        await owner.execute(";".join(statements))
    except asyncpg.InsufficientPrivilegeError:
        raise ProvisionError(
            _(
                "the role %(role)s of this server was made for another installation, and %(me)s"
                " may not use it. Whoever made it, or PostgreSQL's administrator, can share it:"
                " %(grant)s"
            ),
            role=role,
            me=me,
            grant=f"GRANT {_quoted(role)} TO {_quoted(me)} WITH ADMIN OPTION;",
        ) from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
