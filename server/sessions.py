"""Sessions of browsers: signing in and out, and the cookie between."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from rules.address import normal_form
from server import known
from server.errors import ForbiddenError, LoginRefusedError
from server.passwords import check_password
from server.settings import Settings
from server.throttle import (
    PER_BROWSER,
    PER_PEER,
    PER_PERSON,
    PER_PERSON_AND_PEER,
    Bucket,
    count,
    give_back,
    peer_of,
)
from sync import tokens
from sync.database import Tx, tx

AnyRequest = Request[Any, Any, Any]

#: Who has business in the console; technicians use their device.
READERS: Final = frozenset({"administrator", "manager", "dispatcher"})
LIFE: Final = timedelta(days=14)
#: More is no password but an attempt to keep argon2 busy.
LONGEST_PASSWORD: Final = 1024

_ACCOUNTS: Final = "SELECT account, app_user FROM login WHERE address = $1 ORDER BY account LIMIT 5"
_KNOWN: Final = """
SELECT password_hash, role FROM app_user WHERE account = $1 AND id = $2 AND active
"""
_START: Final = """
INSERT INTO session (account, token_hash, app_user, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5)
"""
_END: Final = "DELETE FROM session WHERE account = $1 AND token_hash = $2"
_END_OLD: Final = "DELETE FROM session WHERE account = $1 AND app_user = $2 AND expires_at <= $3"
_END_ALL: Final = "DELETE FROM session WHERE account = $1 AND app_user = $2"
_REGISTER: Final = """
INSERT INTO login (address, account, app_user) VALUES ($1, $2, $3)
ON CONFLICT (account, app_user) DO UPDATE SET address = excluded.address
"""


class Member(msgspec.Struct, frozen=True):
    """A user of one account, known by address and password."""

    account: int
    user: UUID
    role: str


def _is_secure(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    settings: Settings = connection.app.state.settings
    return settings.origin.startswith("https:")


def _name(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    return "__Host-retour" if _is_secure(connection) else "retour"


def _known_name(request: AnyRequest) -> str:
    return f"{_name(request)}-known"


def token_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The session's token that this browser brings along, whatever it is worth."""
    return connection.cookies.get(_name(connection))


async def sign_in(
    request: AnyRequest, email: str, password: str, response: Response[Any]
) -> Member:
    """Check the password, start a session and set its cookie on `response`.

    The token is always new; the one that the browser brought along is ended, so that a planted
    one is worth nothing.

    :raises LoginRefusedError: unknown address, wrong password, inactive user: told apart by
        nothing, time included.
    :raises ForbiddenError: the right password of a technician.
    :raises ThrottledError: too many attempts for this person, from this network address, or
        with this browser where the person signed in with it before.
    """
    address = normal_form(email) or ""
    people, now = await _named(address)
    buckets = _buckets(request, address, people, now)
    await count(buckets)
    member = await _recognised(people, password)
    if member is None:
        raise LoginRefusedError
    await give_back(buckets)
    if member.role not in READERS:
        raise ForbiddenError
    await _end(token_of(request))
    token = await _start(member)
    response.set_cookie(_cookie(request, _name(request), token, LIFE))
    shown = known.introduce(_secret(request), (member.account, member.user), now)
    response.set_cookie(_cookie(request, _known_name(request), shown, known.LIFE))
    return member


async def sign_out(request: AnyRequest, response: Response[Any]) -> None:
    """End the session and take its cookie away; nothing happens where there is none.

    The browser stays known.
    """
    await _end(token_of(request))
    response.set_cookie(_cookie(request, _name(request), "", timedelta(0)))


async def end_all(opened: Tx, user: UUID) -> None:
    """End all sessions of `user`: whoever else knew the old password is out."""
    await opened.execute(_END_ALL, opened.account, user)


async def register(opened: Tx, user: UUID, email: str) -> None:
    """Let `user` of the account of `opened` sign in with `email`, and no longer with another."""
    await opened.execute(_REGISTER, normal_form(email), opened.account, user)


def _buckets(
    request: AnyRequest, address: str, people: list[known.Person], now: datetime
) -> list[Bucket]:
    shown = request.cookies.get(_known_name(request), "")
    browser = known.recognise(_secret(request), shown, people, now)
    if browser is not None:
        return [Bucket(f"login by {browser}", PER_BROWSER)]
    peer = peer_of(request)
    return [
        Bucket(f"login of {address} from {peer}", PER_PERSON_AND_PEER),
        Bucket(f"login of {address}", PER_PERSON),
        Bucket(f"login from {peer}", PER_PEER),
    ]


async def _named(address: str) -> tuple[list[known.Person], datetime]:
    """Who signs in with the address, and the time."""
    async with tx() as opened:
        rows = await opened.fetch(_ACCOUNTS, address)
        return [(row["account"], row["app_user"]) for row in rows], opened.now


async def _recognised(people: list[known.Person], password: str) -> Member | None:
    """The member whose password this is; nobody's is checked where the address is unknown."""
    if len(password) > LONGEST_PASSWORD:
        return None
    for account, user in people:
        async with tx(account) as opened:
            row = await opened.fetchrow(_KNOWN, account, user)
        stored = None if row is None else row["password_hash"]
        if await check_password(stored, password) and row is not None:
            return Member(account, user, row["role"])
    if not people:
        await check_password(None, password)
    return None


async def _start(member: Member) -> str:
    secret = tokens.mint()
    async with tx(member.account) as opened:
        now = opened.now
        await opened.execute(_END_OLD, member.account, member.user, now)
        key = tokens.digest(secret)
        await opened.execute(_START, member.account, key, member.user, now, now + LIFE)
    return tokens.write(member.account, secret)


async def _end(token: str | None) -> None:
    ref = tokens.read(token or "")
    if ref is not None:
        async with tx(ref.account) as opened:
            await opened.execute(_END, ref.account, ref.hash)


def _secret(request: AnyRequest) -> str:
    settings: Settings = request.app.state.settings
    return settings.secret


def _cookie(request: AnyRequest, name: str, value: str, life: timedelta) -> Cookie:
    return Cookie(
        name,
        value=value,
        max_age=int(life.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=_is_secure(request),
    )
