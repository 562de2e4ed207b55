"""Sessions of browsers: sign-in, sign-out, and the session cookie."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from rules.address import normal_form
from server.access import trusted_browser
from server.access.common_passwords import LONGEST_PASSWORD
from server.access.login_attempt import Candidate, read_attempt, try_password
from server.access.rate_limit import give_back
from server.access.rights import Action, Who, scope_of, those_who_may
from server.access.security_log import note, note_refusal, peer_of
from server.http.problems import ForbiddenError, LoginRefusedError
from server.services import services
from sync import tokens
from sync.database import NO_ACCOUNT, Tx, run, tx

AnyRequest = Request[Any, Any, Any]

#: A session ends this long after sign-in, however active it is.
LIFE: Final = timedelta(days=14)
#: A session ends this long after its last use: overnight.
IDLE: Final = timedelta(hours=12)
#: The last use is written at most this often.
SEEN_EVERY: Final = timedelta(minutes=5)

#: Reads again what the password was checked against, and locks it: a concurrent change of password
#: waits until the session is committed, and then ends it with the others.
_AS_CHECKED: Final = """
SELECT u.role FROM app_user u JOIN login l ON l.account = u.account AND l.app_user = u.id
WHERE u.account = $1 AND u.id = $2 AND u.active AND u.password_hash = $3 AND l.address = $4
FOR SHARE
"""
_STILL: Final = """
SELECT s.token_hash FROM session s JOIN app_user u ON u.account = s.account AND u.id = s.app_user
WHERE s.account = $1 AND s.token_hash = ANY($2::bytea[]) AND s.expires_at > $3
  AND s.last_seen_at > $4 AND u.active AND u.role = ANY($5::text[])
"""
_START: Final = """
INSERT INTO session
  (account, token_hash, app_user, created_at, expires_at, last_seen_at, kept_form)
VALUES ($1, $2, $3, $4, $5, $4, $6)
"""
_END: Final = "DELETE FROM session WHERE account = $1 AND token_hash = $2 RETURNING app_user"
_END_OLD: Final = """
DELETE FROM session
WHERE account = $1 AND app_user = $2 AND (expires_at <= $3 OR last_seen_at <= $4)
"""
_END_ALL: Final = "DELETE FROM session WHERE account = $1 AND app_user = $2"
_REGISTER: Final = """
INSERT INTO login (address, account, app_user) VALUES ($1, $2, $3)
ON CONFLICT (account, app_user) DO UPDATE SET address = excluded.address
"""


class Member(msgspec.Struct, frozen=True):
    """A user of one account, identified by address and password."""

    account: int
    user: UUID
    role: str


def _is_secure(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    settings = services(connection).settings
    return settings.origin.startswith("https:")


def _name(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    return "__Host-retour" if _is_secure(connection) else "retour"


def _known_name(request: AnyRequest) -> str:
    return f"{_name(request)}-known"


def token_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """The token of this browser's session cookie, valid or not."""
    return connection.cookies.get(_name(connection))


async def sign_in(
    request: AnyRequest,
    email: str,
    password: str,
    response: Response[Any],
    kept: str | None = None,
) -> Member:
    """Check the password, start a session with the form `kept`, and set its cookie on `response`.

    The token is always new. The session that the browser had is ended, so that a planted cookie
    (session fixation) gains nothing.

    :raises LoginRefusedError: unknown address, wrong password or inactive user; neither the answer
        nor the time taken tells which.
    :raises ForbiddenError: the right password of a technician.
    :raises ThrottledError: too many attempts for this user, from this network address, or in this
        browser where the user signed in with it before.
    """
    address = normal_form(email) or ""
    attempt = await read_attempt(request, address, request.cookies.get(_known_name(request), ""))
    if len(password) > LONGEST_PASSWORD:
        raise LoginRefusedError
    checked = await try_password(request, attempt, password)
    started = await _start_first(checked.matches, address, kept)
    if started is None:
        note_refusal("sign_in_refused", peer_of(request), attempt.people)
        raise LoginRefusedError
    await give_back(checked.spent)
    member = started.member
    if started.token is None:
        note_refusal("sign_in_refused", peer_of(request), [(member.account, member.user)])
        raise ForbiddenError
    await _end(request)
    note("signed_in", member.account, peer_of(request), user=member.user)
    response.set_cookie(_cookie(request, _name(request), started.token, LIFE))
    person = (member.account, member.user)
    secret = services(request).settings.secret
    browser = trusted_browser.introduce(secret, person, started.stored, attempt.now)
    response.set_cookie(_cookie(request, _known_name(request), browser, trusted_browser.LIFE))
    return member


async def sign_out(request: AnyRequest, response: Response[Any]) -> None:
    """End the session, if there is one, and delete its cookie. The browser stays trusted."""
    await _end(request)
    response.set_cookie(_cookie(request, _name(request), "", timedelta(0)))


def session_of(connection: ASGIConnection[Any, Any, Any, Any]) -> bytes | None:
    """The hash that identifies this browser's session, valid or not; None without a cookie."""
    ref = tokens.read(token_of(connection) or "")
    return None if ref is None else ref.hash


async def still_signed_in(opened: Tx, sessions: Sequence[bytes]) -> set[bytes]:
    """Those of `sessions` that would open a page of the console; not counted as a use of them."""
    if not sessions:
        return set()
    now = opened.now
    roles = [who.value for who in those_who_may(Action.CONSOLE_ENTER)]
    rows = await opened.fetch(_STILL, opened.account, sessions, now, now - IDLE, roles)
    return {row["token_hash"] for row in rows}


async def end_all(opened: Tx, user: UUID) -> None:
    """End all sessions of `user`, which may be those of somebody who knew the old password."""
    await opened.execute(_END_ALL, opened.account, user)


async def register(opened: Tx, user: UUID, email: str) -> None:
    """Make `email` the only address with which `user`, of the account of `opened`, signs in."""
    await opened.execute(_REGISTER, normal_form(email), opened.account, user)


class Started(msgspec.Struct, frozen=True):
    """The user whose password was right; `token`: of the new session, None without a right to one.

    `stored`: the hash of the password.
    """

    member: Member
    stored: str
    token: str | None


async def _start_first(
    matches: Sequence[Candidate], address: str, kept: str | None
) -> Started | None:
    """The first session that could be started, else a user without the right to one, else None."""
    forbidden = None
    for match in matches:
        account, _ = match.person or (NO_ACCOUNT, None)
        started = await run(account, partial(_start, match=match, address=address, kept=kept))
        if started is not None and started.token is not None:
            return started
        forbidden = forbidden or started
    return forbidden


async def _start(opened: Tx, match: Candidate, address: str, kept: str | None) -> Started | None:
    """Start a session of the candidate; None where its user or password has changed since."""
    if match.person is None or match.stored is None:
        return None
    account, user = match.person
    role = await opened.fetchval(_AS_CHECKED, account, user, match.stored, address)
    if role is None:
        return None
    member = Member(account, user, role)
    if scope_of(Who(role), Action.CONSOLE_ENTER) is None:
        return Started(member, match.stored, None)
    secret, now = tokens.mint(), opened.now
    await opened.execute(_END_OLD, account, user, now, now - IDLE)
    await opened.execute(_START, account, tokens.digest(secret), user, now, now + LIFE, kept)
    return Started(member, match.stored, tokens.write(account, secret))


async def _end(request: AnyRequest) -> None:
    ref = tokens.read(token_of(request) or "")
    if ref is None:
        return
    async with tx(ref.account) as opened:
        user = await opened.fetchval(_END, ref.account, ref.hash)
    if user is not None:
        note("signed_out", ref.account, peer_of(request), user=user)


def _cookie(request: AnyRequest, name: str, value: str, life: timedelta) -> Cookie:
    return Cookie(
        name,
        value=value,
        max_age=int(life.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=_is_secure(request),
    )
