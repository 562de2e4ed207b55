"""Tables: who comes in. Times are UTC; `key` is the primary key in the database."""

from piccolo.columns import UUID, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class Login(Table, tablename="login", db=DB):
    """Which accounts know an address; read before any account is known."""

    key = ("address", "account")
    address = Text(null=False, default=None)
    account = BigInt(primary_key=True, null=False, default=None)
    app_user = UUID(null=False, default=None)


class Session(Table, tablename="session", db=DB):
    """A signed-in browser; only the SHA-256 of its token is kept.

    `last_seen_at`: when somebody did something in it, to a few minutes.
    """

    key = ("account", "token_hash")
    account = BigInt(null=False, default=None)
    token_hash = Bytea(primary_key=True, null=False, default=None)
    app_user = UUID(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    last_seen_at = Timestamptz(null=False, default=None)


class ApiToken(Table, tablename="api_token", db=DB):
    """A program's key; only the SHA-256 is kept. `last_used_at`: to an hour."""

    key = ("account", "token_hash")
    account = BigInt(null=False, default=None)
    token_hash = Bytea(primary_key=True, null=False, default=None)
    name = Text(null=False, default=None)
    created_by = UUID(null=True, default=None)
    created_at = Timestamptz(null=False, default=None)
    revoked_at = Timestamptz(null=True, default=None)
    expires_at = Timestamptz(null=False, default=None)
    last_used_at = Timestamptz(null=True, default=None)


class Throttle(Table, tablename="throttle", db=DB):
    """Attempts counted per hashed key and window; holds no personal data."""

    key = ("bucket",)
    bucket = Bytea(primary_key=True, null=False, default=None)
    window_start = Timestamptz(null=False, default=None)
    hits = Integer(null=False, default=None)
