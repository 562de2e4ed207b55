"""Who comes in: browser sessions, API tokens and devices.

`server.access.guards` makes the guards of routes of this; `server.access.rights` says who may.
"""

from typing import Any, Final, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State

from server.access import api_tokens
from server.access.api_tokens import API_PREFIX
from server.access.rights import Action, Who, scope_of
from server.access.security_log import note, note_refusal, peer_of
from server.access.sessions import IDLE, SEEN_EVERY, sign_in, sign_out, token_of
from server.http.problems import ForbiddenError, NotSignedInError
from sync import tokens
from sync.database import Tx, tx
from sync.enrolment import authenticate
from sync.ids import locator
from sync.messages import DeviceScope

__all__ = [
    "API_PREFIX",
    "ConsoleRequest",
    "DeviceRequest",
    "Principal",
    "actor_of",
    "asked_by",
    "caller",
    "confirm",
    "enrolled",
    "permitted",
    "sign_in",
    "sign_out",
    "signed_in",
]

Connection: TypeAlias = ASGIConnection[Any, Any, Any, State]
Asker = TypeVar("Asker", bound="Principal | DeviceScope | None")

#: What a credential starts with says which table knows it, to us and to secret scanners.
DEVICE_PREFIX: Final = "rtd_"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks: a user in a browser, or a program with an API token (`user` is None).

    `zone`: the account's time zone (IANA). `language`: of the user, else of the account (fr_CA).
    """

    account: int
    role: str
    name: str
    language: str
    zone: str
    user: UUID | None = None

    @property
    def who(self) -> Who:
        """As what the table of rights knows them."""
        return Who.PROGRAM if self.user is None else Who(self.role)


ConsoleRequest: TypeAlias = Request[Principal, Any, State]
DeviceRequest: TypeAlias = Request[DeviceScope, Any, State]

_BROWSER: Final = """
SELECT u.account, u.role, u.name, u.language, a.zone, u.id AS "user", s.last_seen_at
FROM session s JOIN app_user u ON u.account = s.account AND u.id = s.app_user
JOIN account a ON a.account = s.account
WHERE s.account = $1 AND s.token_hash = $2 AND s.expires_at > $3 AND s.last_seen_at > $4
  AND u.active
"""
_SEEN: Final = """
UPDATE session SET last_seen_at = greatest(last_seen_at, $3)
WHERE account = $1 AND token_hash = $2
"""
_STILL_SIGNED_IN: Final = """
SELECT u.role FROM app_user u JOIN session s ON s.account = u.account AND s.app_user = u.id
WHERE s.account = $1 AND s.token_hash = $2 AND s.expires_at > $3 AND s.last_seen_at > $4
  AND u.active
FOR SHARE
"""
_STILL_A_PROGRAM: Final = """
SELECT 'program' FROM api_token
WHERE account = $1 AND token_hash = $2 AND revoked_at IS NULL AND expires_at > $3
FOR SHARE
"""


async def signed_in(connection: Connection) -> Principal | None:
    """Who this browser is signed in as; None too where its session is over."""
    ref = tokens.read(token_of(connection) or "")
    if ref is None:
        return None
    async with tx(ref.account) as opened:
        now = opened.now
        row = await opened.fetchrow(_BROWSER, ref.account, ref.hash, now, now - IDLE)
        if row is None:
            return None
        if row["last_seen_at"] <= now - SEEN_EVERY and _is_by_hand(connection):
            await opened.execute(_SEEN, ref.account, ref.hash, now)
    return Principal(**{name: value for name, value in row.items() if name != "last_seen_at"})


def _is_by_hand(connection: Connection) -> bool:
    """Whether somebody did something: a page that waits for news asks by itself, for days.

    Browsers say of what scripts and streams read that it is for no place on the screen.
    """
    asks_by_itself = connection.headers.get("sec-fetch-dest") == "empty"
    return not asks_by_itself or connection.scope.get("method") not in {"GET", "HEAD"}


async def _program(connection: Connection, credential: str) -> Principal | None:
    ref = tokens.read(credential.removeprefix(API_PREFIX))
    if ref is None:
        return None
    async with tx(ref.account) as opened:
        found = await api_tokens.find(opened, ref)
    if found is None:
        return None
    key, peer = ref.hash.hex(), peer_of(connection)
    if found.is_over:
        note_refusal("token_expired", peer, account=locator(ref.account), token=key)
        return None
    if found.is_first:
        note("token_first_used", ref.account, peer, token=key)
    if found.nears_end:
        note("token_expires_soon", ref.account, peer, token=key, expires_at=found.expires_at)
    return Principal(
        account=ref.account,
        role=Who.ADMINISTRATOR.value,
        name=found.name,
        language=found.language,
        zone=found.zone,
    )


async def confirm(opened: Tx, connection: Connection, action: Action) -> str:
    """Make sure, in the transaction that gives something out, that who asked still may; who it is.

    The guard looked in a transaction of its own. Whoever ends the session, deactivates the user or
    revokes the token waits until `opened` ends, and finds what it gave out.

    :raises NotSignedInError, ForbiddenError: not any more.
    """
    credential, now = _bearer(connection), opened.now
    if credential is None:
        ref = tokens.read(token_of(connection) or "")
        sql, more = _STILL_SIGNED_IN, [now, now - IDLE]
    else:
        ref = tokens.read(credential.removeprefix(API_PREFIX))
        sql, more = _STILL_A_PROGRAM, [now]
    if ref is None or ref.account != opened.account:
        raise NotSignedInError
    who = await opened.fetchval(sql, ref.account, ref.hash, *more)
    if who is None:
        raise NotSignedInError
    if scope_of(Who(who), action) is None:
        raise ForbiddenError
    return asked_by(connection)


def asked_by(connection: Connection) -> str:
    """Who a guard let in, for the record: a user's id, or what names a token."""
    principal: Principal = connection.scope["user"]
    if principal.user is not None:
        return str(principal.user)
    ref = tokens.read((_bearer(connection) or "").removeprefix(API_PREFIX))
    return f"token {'' if ref is None else ref.hash.hex()}"


def actor_of(connection: Connection) -> str:
    """Who a guard let in, for the record of changes (`sync.audit`)."""
    principal: Principal = connection.scope["user"]
    if principal.user is not None:
        return f"user/{principal.user}"
    ref = tokens.read((_bearer(connection) or "").removeprefix(API_PREFIX))
    return "token" if ref is None else api_tokens.name_of(ref.hash)


def _bearer(connection: Connection) -> str | None:
    scheme, _, credential = connection.headers.get("authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else None


async def caller(connection: Connection) -> Principal | None:
    """Whom a token or a session names.

    An Authorization header decides alone: what it names is not mixed with a session.
    """
    credential = _bearer(connection)
    if credential is None:
        return await signed_in(connection)
    if not credential.startswith(API_PREFIX):
        return None
    return await _program(connection, credential)


async def enrolled(connection: Connection) -> DeviceScope | None:
    """The enrolled device that asks; None for a revoked one and for anything else."""
    credential = _bearer(connection) or ""
    if not credential.startswith(DEVICE_PREFIX):
        return None
    return await authenticate(credential.removeprefix(DEVICE_PREFIX))


def permitted(asker: Asker, action: Action) -> Asker:
    """`asker`, who may.

    :raises NotSignedInError, ForbiddenError: nobody is known, or somebody who may not.
    """
    if scope_of(_who(asker), action) is not None:
        return asker
    if asker is None:
        raise NotSignedInError
    raise ForbiddenError


def _who(asker: Principal | DeviceScope | None) -> Who:
    match asker:
        case None:
            return Who.ANYBODY
        case Principal():
            return asker.who
        case DeviceScope():
            return Who.DEVICE
