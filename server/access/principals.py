"""Identifies the caller of a request by a browser session, an API token or a device's credential.

`server.access.guards` applies it to routes; `server.access.rights` says what each role may do.
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
Identified = TypeVar("Identified", bound="Principal | DeviceScope | None")

#: Start of every device's credential: see `API_PREFIX`.
DEVICE_PREFIX: Final = "rtd_"


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The caller: a user in a browser, or a program with an API token (`user` is None).

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
        """The caller's role in the table of rights."""
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
    """The user of this browser's session; None where it has none, or one that has ended."""
    ref = tokens.read(token_of(connection) or "")
    if ref is None:
        return None
    async with tx(ref.account) as opened:
        now = opened.now
        row = await opened.fetchrow(_BROWSER, ref.account, ref.hash, now, now - IDLE)
        if row is None:
            return None
        # What scripts and streams read is no use of the session: an open page polls for days.
        is_by_script = connection.headers.get("sec-fetch-dest") == "empty"
        is_use = not is_by_script or connection.scope.get("method") not in {"GET", "HEAD"}
        if is_use and row["last_seen_at"] <= now - SEEN_EVERY:
            await opened.execute(_SEEN, ref.account, ref.hash, now)
    return Principal(**{name: value for name, value in row.items() if name != "last_seen_at"})


async def _program_of(connection: Connection, credential: str) -> Principal | None:
    """The program whose API token this is; first uses and uses near its expiry are logged."""
    ref = tokens.read(credential.removeprefix(API_PREFIX))
    if ref is None:
        return None
    async with tx(ref.account) as opened:
        use = await api_tokens.find(opened, ref)
    if use is None:
        return None
    key, peer = ref.hash.hex(), peer_of(connection)
    if use.is_over:
        note_refusal("token_expired", peer, account=locator(ref.account), token=key)
        return None
    if use.is_first:
        note("token_first_used", ref.account, peer, token=key)
    if use.nears_end:
        note("token_expires_soon", ref.account, peer, token=key, expires_at=use.expires_at)
    return Principal(
        account=ref.account,
        role=Who.ADMINISTRATOR.value,
        name=use.name,
        language=use.language,
        zone=use.zone,
    )


async def confirm(opened: Tx, connection: Connection, action: Action) -> str:
    """Check the caller's right again, in the transaction that uses it; returns `asked_by`.

    The guard read it in a transaction of its own. This one locks the session or token and the user,
    so that a concurrent revocation waits until `opened` ends and then sees what it wrote.

    :raises NotSignedInError, ForbiddenError: the caller may not any more.
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
    """The caller's name in the security log: a user's id, or a token's."""
    principal: Principal = connection.scope["user"]
    if principal.user is not None:
        return str(principal.user)
    ref = tokens.read((_bearer(connection) or "").removeprefix(API_PREFIX))
    return f"token {'' if ref is None else ref.hash.hex()}"


def actor_of(connection: Connection) -> str:
    """The caller's name in the audit log (`sync.audit`)."""
    principal: Principal = connection.scope["user"]
    if principal.user is not None:
        return f"user/{principal.user}"
    ref = tokens.read((_bearer(connection) or "").removeprefix(API_PREFIX))
    return "token" if ref is None else api_tokens.name_of(ref.hash)


def _bearer(connection: Connection) -> str | None:
    scheme, _, credential = connection.headers.get("authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else None


async def caller(connection: Connection) -> Principal | None:
    """The program or user that an API token or a session identifies.

    With an Authorization header, the session's cookie is ignored.
    """
    credential = _bearer(connection)
    if credential is None:
        return await signed_in(connection)
    if not credential.startswith(API_PREFIX):
        return None
    return await _program_of(connection, credential)


async def enrolled(connection: Connection) -> DeviceScope | None:
    """The enrolled device whose credential was sent; None for a revoked device, or none."""
    credential = _bearer(connection) or ""
    if not credential.startswith(DEVICE_PREFIX):
        return None
    return await authenticate(credential.removeprefix(DEVICE_PREFIX))


def permitted(identified: Identified, action: Action) -> Identified:
    """`identified`, if its role may do `action`.

    :raises NotSignedInError: it may not, and nobody was identified.
    :raises ForbiddenError: it may not.
    """
    match identified:
        case None:
            who = Who.ANYBODY
        case Principal():
            who = identified.who
        case DeviceScope():
            who = Who.DEVICE
    if scope_of(who, action) is not None:
        return identified
    if identified is None:
        raise NotSignedInError
    raise ForbiddenError
