"""Sessions for programs that act as a user, API tokens, and passwords."""

from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request, Response
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from server.access import api_tokens
from server.access.api_tokens import IssuedToken, TokenOrder, TokenRecord
from server.access.common_passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, is_guessable
from server.access.guards import anyone, api
from server.access.passwords import hash_password_aside
from server.access.principals import Principal, actor_of, asked_by, confirm, sign_in, sign_out
from server.access.rights import Action
from server.access.security_log import note, peer_of
from server.access.sessions import end_all
from server.api.codec import NO_CONTENT
from server.api.operation import operation
from server.api.paging import Listing
from server.http.middleware.fair_queue import without_slot
from server.http.problems import GuessableError, NotFoundError
from sync.database import Tx, run, tx
from sync.records.people import set_password

ApiRequest: TypeAlias = Request[Principal, Any, Any]

#: Names and addresses that a user's password must not be made of.
_ABOUT: Final = """
SELECT u.name, u.email, a.name AS firm FROM app_user u JOIN account a ON a.account = u.account
WHERE u.account = $1 AND u.id = $2
"""


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """An address and its password."""

    email: Annotated[str, Meta(max_length=320)]
    password: Annotated[str, Meta(max_length=LONGEST_PASSWORD)]


class NewPassword(Struct, frozen=True, forbid_unknown_fields=True):
    """A new password: at least twelve characters of any kind.

    Common ones are refused, and those made of the user's or the company's name.
    """

    password: Annotated[str, Meta(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)]


@operation(
    "POST", "/sessions", access=anyone(Action.SESSION_START), fails=("login_refused", "throttled")
)
async def start_session(request: ApiRequest, body: Credentials) -> None:
    """Sign in as a user: the answer sets a session cookie.

    The session lives 14 days, and ends after 12 hours without a request.
    """
    answer = Response(b"", status_code=NO_CONTENT)
    await sign_in(request, body.email, body.password, answer)
    return answer  # type: ignore[return-value]  # no body, but a cookie


@operation("DELETE", "/sessions", access=anyone(Action.SESSION_END))
async def end_session(request: ApiRequest) -> None:
    """Sign out."""
    answer = Response(b"", status_code=NO_CONTENT)
    await sign_out(request, answer)
    return answer  # type: ignore[return-value]  # no body, but a cookie


@operation("GET", "/me", access=api(Action.SELF_READ))
async def read_me(request: ApiRequest) -> Principal:
    """Read who the caller is."""
    return request.user


@operation(
    "POST", "/users/{key:uuid}/password", access=api(Action.PASSWORD_WRITE), fails=("not_found",)
)
async def change_password(request: ApiRequest, key: UUID, body: NewPassword) -> None:
    """Set a user's password. All sessions of the user end."""
    account = request.user.account
    async with tx(account) as opened:
        row = await opened.fetchrow(_ABOUT, account, key)
    if is_guessable(body.password, row or ()):
        raise GuessableError("password")
    stored = await without_slot(hash_password_aside(body.password))

    async def work(opened: Tx) -> str:
        by = await confirm(opened, request, Action.PASSWORD_WRITE)
        await set_password(opened, key, stored)
        await end_all(opened, key)
        return by

    by = await run(account, work, actor_of(request))
    note("password_changed", account, peer_of(request), user=key, by=by)


@operation("POST", "/tokens", access=api(Action.TOKEN_MAKE), status=201)
async def create_token(request: ApiRequest, body: TokenOrder) -> IssuedToken:
    """Make an API token, which acts as an administrator of the account until it expires."""
    user = request.user

    async def work(opened: Tx) -> tuple[IssuedToken, str]:
        by = await confirm(opened, request, Action.TOKEN_MAKE)
        return await api_tokens.issue(opened, body, user.user), by

    issued, by = await run(user.account, work, actor_of(request))
    peer = peer_of(request)
    note("token_made", user.account, peer, token=issued.id, by=by, expires_at=issued.expires_at)
    return issued


@operation("GET", "/tokens", access=api(Action.TOKEN_READ))
async def list_tokens(request: ApiRequest) -> Listing[TokenRecord]:
    """List API tokens, revoked and expired ones too; the 500 oldest."""
    async with tx(request.user.account) as opened:
        return Listing(await api_tokens.list_tokens(opened), None)


@operation("DELETE", "/tokens/{key:str}", access=api(Action.TOKEN_REVOKE), fails=("not_found",))
async def revoke_token(request: ApiRequest, key: str) -> None:
    """Revoke an API token. Revoking it again changes nothing."""
    account = request.user.account
    try:
        stored = bytes.fromhex(key)
    except ValueError:
        raise NotFoundError from None
    async with tx(account, actor_of(request)) as opened:
        if not await api_tokens.revoke(opened, stored):
            raise NotFoundError
    note("token_revoked", account, peer_of(request), token=stored.hex(), by=asked_by(request))


ROUTES: Final[list[ControllerRouterHandler]] = [
    start_session,
    end_session,
    read_me,
    change_password,
    create_token,
    list_tokens,
    revoke_token,
]
