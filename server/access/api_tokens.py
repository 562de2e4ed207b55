"""API tokens of programs: issued with an expiry date, listed with their last use, and revoked."""

from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from sync import tokens
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.records.shapes import MOST_RECORDS
from sync.tokens import TokenRef
from sync.validation import check_line

#: Start of every API token: it says in which table to look, and lets secret scanners find leaks.
API_PREFIX: Final = "rta_"
#: Days that a token is valid by default, a year; and at most, a month more, so that its successor
#: can be installed before it expires.
USUAL_DAYS: Final = 365
MOST_DAYS: Final = 400
#: Hexadecimal digits of a token's id that distinguish it within an account.
STARTS_WITH: Final = 16
#: The last use is written at most this often: a program may send many requests a second.
NOTED_EVERY: Final = timedelta(hours=1)
#: A use within this time of the expiry is logged, once a day.
NEAR_END: Final = timedelta(days=14)

_ADD: Final = """
INSERT INTO api_token (account, token_hash, name, created_by, created_at, revoked_at, expires_at,
  last_used_at)
VALUES ($1, $2, $3, $4, $5, NULL, $6, NULL)
"""
_LIST: Final = """
SELECT encode(token_hash, 'hex') AS id, name, created_by, created_at, expires_at, last_used_at,
  revoked_at
FROM api_token WHERE account = $1 ORDER BY created_at, token_hash LIMIT $2
"""
_KNOWN: Final = "SELECT EXISTS (SELECT FROM api_token WHERE account = $1 AND token_hash = $2)"
_REVOKE: Final = """
UPDATE api_token SET revoked_at = $3
WHERE account = $1 AND token_hash = $2 AND revoked_at IS NULL
"""
_FIND: Final = """
SELECT t.name, t.expires_at, t.last_used_at, t.revoked_at, a.language, a.zone
FROM api_token t JOIN account a ON a.account = t.account
WHERE t.account = $1 AND t.token_hash = $2
"""
_NOTE_USE: Final = """
UPDATE api_token SET last_used_at = $3
WHERE account = $1 AND token_hash = $2 AND last_used_at IS NOT DISTINCT FROM $4
"""


class TokenOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A token to issue: its name, for people, and the days for which it is valid."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = USUAL_DAYS

    def __post_init__(self) -> None:
        """:raises ValueError: for a name that is not one plain line."""
        check_line("name", self.name)


class IssuedToken(Struct, frozen=True):
    """A new token, shown only now; `id` names it afterwards."""

    id: str
    token: str
    expires_at: datetime


class TokenRecord(Struct, frozen=True, kw_only=True):
    """An API token without its secret.

    `created_by`: a user's id; null for another token or the terminal. `last_used_at`: accurate to
    an hour; null for a token that was never used.
    """

    id: str
    name: str
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class TokenUse(Struct, frozen=True, kw_only=True):
    """One use of a token by a program.

    `is_over`: it has expired. `is_first`: this is its first use. `nears_end`: it expires soon; true
    once a day.
    """

    name: str
    language: str
    zone: str
    expires_at: datetime
    is_over: bool
    is_first: bool
    nears_end: bool


def read_order(name: str, days: int) -> TokenOrder:
    """The order that was typed at a terminal, checked by the rules of the API.

    :raises msgspec.ValidationError: a name or a number of days that the API would refuse.
    """
    return msgspec.convert({"name": name, "days": days}, TokenOrder)


async def issue(tx: Tx, order: TokenOrder, by: UUID | None) -> IssuedToken:
    """Issue a token that acts as an administrator of the account. `by`: the user who asked."""
    secret = tokens.mint()
    key, ends = tokens.digest(secret), tx.now + timedelta(days=order.days)
    await tx.execute(_ADD, tx.account, key, order.name, by, tx.now, ends)
    said = {"name": order.name, "expires_at": ends}
    await record(tx, "token.make", [AuditChange(name_of(key), None, said)])
    return IssuedToken(key.hex(), API_PREFIX + tokens.write(tx.account, secret), ends)


async def list_tokens(tx: Tx) -> list[TokenRecord]:
    """The tokens of the account, revoked and expired ones included; at most the 500 oldest."""
    rows = await tx.fetch(_LIST, tx.account, MOST_RECORDS)
    return [TokenRecord(**row) for row in rows]


async def revoke(tx: Tx, key: bytes) -> bool:
    """Revoke a token; no change where it is revoked already. False where there is none."""
    if await tx.execute(_REVOKE, tx.account, key, tx.now):
        await record(tx, "token.revoke", [AuditChange(name_of(key), None, {"revoked_at": tx.now})])
        return True
    return bool(await tx.fetchval(_KNOWN, tx.account, key))


def name_of(key: bytes) -> str:
    """The token's name in the audit log: the start of its id, never the whole hash."""
    return f"token/{key.hex()[:STARTS_WITH]}"


async def find(tx: Tx, ref: TokenRef) -> TokenUse | None:
    """Record a use of the token that `ref` names; None for unknown and revoked tokens."""
    row = await tx.fetchrow(_FIND, ref.account, ref.hash)
    if row is None or row["revoked_at"] is not None:
        return None
    ends, last = row["expires_at"], row["last_used_at"]
    is_over, is_noted = ends <= tx.now, False
    if not is_over and (last is None or last <= tx.now - NOTED_EVERY):
        is_noted = bool(await tx.execute(_NOTE_USE, ref.account, ref.hash, tx.now, last))
    new_day = last is not None and last.date() != tx.now.date()
    return TokenUse(
        name=row["name"],
        language=row["language"],
        zone=row["zone"],
        expires_at=ends,
        is_over=is_over,
        is_first=is_noted and last is None,
        nears_end=is_noted and new_day and ends - tx.now <= NEAR_END,
    )
