"""Tables of sign-in: logins, sessions, API tokens, and throttling. Times are UTC.

`key`: the primary key in the database; Piccolo supports one column only.
"""

from piccolo.columns import UUID, BigInt, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class Login(Table, tablename="login", db=DB):
    """The accounts whose users sign in with an address; read before the account is known."""

    key = ("address", "account")
    address = Text(null=False, default=None)
    account = BigInt(primary_key=True, null=False, default=None)
    app_user = UUID(null=False, default=None)


class Session(Table, tablename="session", db=DB):
    """A signed-in browser; only the SHA-256 of its token is stored.

    `last_seen_at`: its last use, accurate to a few minutes. `kept_form`: a form that was sent after
    the session before had ended (`server.access.kept_forms`), as JSON.
    """

    key = ("account", "token_hash")
    account = BigInt(null=False, default=None)
    token_hash = Bytea(primary_key=True, null=False, default=None)
    app_user = UUID(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    last_seen_at = Timestamptz(null=False, default=None)
    kept_form = Text(null=True, default=None)


class ApiToken(Table, tablename="api_token", db=DB):
    """An API token; only its SHA-256 is stored. `last_used_at`: accurate to an hour."""

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
    """Attempts counted per bucket, whose name is stored as a hash; holds no personal data."""

    key = ("bucket",)
    bucket = Bytea(primary_key=True, null=False, default=None)
    window_start = Timestamptz(null=False, default=None)
    hits = Integer(null=False, default=None)
