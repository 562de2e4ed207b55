"""Sessions for programs that act as a user, API tokens, and passwords."""

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request, Response
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from server.api.operation import operation
from server.api.paging import Listing
from server.api.wire import NO_CONTENT
from server.auth import (
    API_PREFIX,
    Principal,
    anyone,
    reads,
    sign_in,
    sign_out,
    writes,
)
from server.errors import NotFoundError
from server.passwords import hash_password_aside
from server.sessions import LONGEST_PASSWORD, end_all
from sync import tokens
from sync.database import tx
from sync.plain import check_line
from sync.records.people import set_password
from sync.records.shapes import MOST_RECORDS

ApiRequest: TypeAlias = Request[Principal, Any, Any]

_ADD: Final = """
INSERT INTO api_token (account, token_hash, name, created_by, created_at, revoked_at)
VALUES ($1, $2, $3, $4, $5, NULL)
"""
_LIST: Final = """
SELECT encode(token_hash, 'hex') AS id, name, created_by, created_at, revoked_at FROM api_token
WHERE account = $1 ORDER BY created_at, token_hash LIMIT $2
"""
_REVOKE: Final = """
UPDATE api_token SET revoked_at = coalesce(revoked_at, $3) WHERE account = $1 AND token_hash = $2
"""


class Credentials(Struct, frozen=True, forbid_unknown_fields=True):
    """An address and its password."""

    email: Annotated[str, Meta(max_length=320)]
    password: Annotated[str, Meta(max_length=LONGEST_PASSWORD)]


class NewPassword(Struct, frozen=True, forbid_unknown_fields=True):
    """At least twelve characters; nothing is asked about which."""

    password: Annotated[str, Meta(min_length=12, max_length=LONGEST_PASSWORD)]


class TokenOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """What the token is for, in words."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        """:raises ValueError: for a name that is not one plain line."""
        check_line("name", self.name)


class IssuedToken(Struct, frozen=True):
    """The token, shown this once; `id` names it afterwards."""

    id: str
    token: str


class TokenRecord(Struct, frozen=True):
    """An API token without its secret. `created_by`: a user's id, null for another token."""

    id: str
    name: str
    created_by: UUID | None
    created_at: datetime
    revoked_at: datetime | None


@operation("POST", "/sessions", access=anyone, fails=("login_refused", "throttled"))
async def start_session(request: ApiRequest, body: Credentials) -> None:
    """Sign in as a user: the answer sets a session cookie that lives 14 days."""
    answer = Response(b"", status_code=NO_CONTENT)
    await sign_in(request, body.email, body.password, answer)
    return answer  # type: ignore[return-value]  # no body, but a cookie


@operation("DELETE", "/sessions", access=anyone)
async def end_session(request: ApiRequest) -> None:
    """Sign out."""
    answer = Response(b"", status_code=NO_CONTENT)
    await sign_out(request, answer)
    return answer  # type: ignore[return-value]  # no body, but a cookie


@operation("GET", "/me", access=reads)
async def read_me(request: ApiRequest) -> Principal:
    """Tell who is asking."""
    return request.user


@operation("POST", "/users/{key:uuid}/password", access=writes, fails=("not_found",))
async def change_password(request: ApiRequest, key: UUID, body: NewPassword) -> None:
    """Set a user's password. All sessions of the user end."""
    stored = await hash_password_aside(body.password)
    async with tx(request.user.account) as opened:
        await set_password(opened, key, stored)
        await end_all(opened, key)


@operation("POST", "/tokens", access=writes, status=201)
async def create_token(request: ApiRequest, body: TokenOrder) -> IssuedToken:
    """Make an API token, which acts as an administrator of the account."""
    secret = tokens.mint()
    user = request.user
    key = tokens.digest(secret)
    async with tx(user.account) as opened:
        await opened.execute(_ADD, user.account, key, body.name, user.user, opened.now)
    return IssuedToken(key.hex(), API_PREFIX + tokens.write(user.account, secret))


@operation("GET", "/tokens", access=writes)
async def list_tokens(request: ApiRequest) -> Listing[TokenRecord]:
    """List API tokens, revoked ones too; the 500 oldest."""
    async with tx(request.user.account) as opened:
        rows = await opened.fetch(_LIST, request.user.account, MOST_RECORDS)
    return Listing([TokenRecord(**row) for row in rows], None)


@operation("DELETE", "/tokens/{key:str}", access=writes, fails=("not_found",))
async def revoke_token(request: ApiRequest, key: str) -> None:
    """End an API token. Ending it twice is once."""
    try:
        stored = bytes.fromhex(key)
    except ValueError:
        raise NotFoundError from None
    async with tx(request.user.account) as opened:
        if not await opened.execute(_REVOKE, request.user.account, stored, opened.now):
            raise NotFoundError


ROUTES: Final[list[ControllerRouterHandler]] = [
    start_session,
    end_session,
    read_me,
    change_password,
    create_token,
    list_tokens,
    revoke_token,
]
