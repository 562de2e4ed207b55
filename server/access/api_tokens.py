"""API tokens: made for a while, used by programs, seen when they were last used, and ended."""

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

#: What a token starts with says which table knows it, to us and to secret scanners.
API_PREFIX: Final = "rta_"
#: Days that a token lives where nobody says otherwise: a year; and at most: a month more, so that
#: the next one can be put in place before.
USUAL_DAYS: Final = 365
MOST_DAYS: Final = 400
#: Digits of a token's id that tell it from the account's others.
STARTS_WITH: Final = 16
#: The last use is written at most so often: a program may ask many times a second.
NOTED_EVERY: Final = timedelta(hours=1)
#: From when on its use is noted as something to see to, once a day.
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
    """What the token is for, in words, and for how many days it opens anything."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS)] = USUAL_DAYS

    def __post_init__(self) -> None:
        """:raises ValueError: for a name that is not one plain line."""
        check_line("name", self.name)


class IssuedToken(Struct, frozen=True):
    """The token, shown this once; `id` names it afterwards."""

    id: str
    token: str
    expires_at: datetime


class TokenRecord(Struct, frozen=True, kw_only=True):
    """An API token without its secret.

    `created_by`: a user's id; null for another token or the terminal. `last_used_at`: to an hour;
    null where it never was.
    """

    id: str
    name: str
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class Found(Struct, frozen=True, kw_only=True):
    """A token that a program came with.

    `is_first`: nobody came with it before. `nears_end`: it expires soon, said once a day.
    """

    name: str
    language: str
    zone: str
    expires_at: datetime
    is_over: bool
    is_first: bool
    nears_end: bool


def read_order(name: str, days: int) -> TokenOrder:
    """What was typed, under the rules of the API.

    :raises msgspec.ValidationError: a name or a number of days that the API would refuse.
    """
    return msgspec.convert({"name": name, "days": days}, TokenOrder)


async def issue(tx: Tx, order: TokenOrder, by: UUID | None) -> IssuedToken:
    """A fresh token, which acts as an administrator of the account."""
    secret = tokens.mint()
    key, ends = tokens.digest(secret), tx.now + timedelta(days=order.days)
    await tx.execute(_ADD, tx.account, key, order.name, by, tx.now, ends)
    said = {"name": order.name, "expires_at": ends}
    await record(tx, "token.make", [AuditChange(name_of(key), None, said)])
    return IssuedToken(key.hex(), API_PREFIX + tokens.write(tx.account, secret), ends)


async def list_tokens(tx: Tx) -> list[TokenRecord]:
    """All tokens of the account, revoked and expired ones too; the 500 oldest."""
    rows = await tx.fetch(_LIST, tx.account, MOST_RECORDS)
    return [TokenRecord(**row) for row in rows]


async def revoke(tx: Tx, key: bytes) -> bool:
    """End a token, once; False where there is none."""
    if await tx.execute(_REVOKE, tx.account, key, tx.now):
        await record(tx, "token.revoke", [AuditChange(name_of(key), None, {"revoked_at": tx.now})])
        return True
    return bool(await tx.fetchval(_KNOWN, tx.account, key))


def name_of(key: bytes) -> str:
    """What a token is called in the record of changes: with the start of its id, not its hash."""
    return f"token/{key.hex()[:STARTS_WITH]}"


async def find(tx: Tx, ref: TokenRef) -> Found | None:
    """The token that `ref` refers to, its use noted; None for unknown and revoked ones."""
    row = await tx.fetchrow(_FIND, ref.account, ref.hash)
    if row is None or row["revoked_at"] is not None:
        return None
    ends, last = row["expires_at"], row["last_used_at"]
    is_over, is_noted = ends <= tx.now, False
    if not is_over and (last is None or last <= tx.now - NOTED_EVERY):
        is_noted = bool(await tx.execute(_NOTE_USE, ref.account, ref.hash, tx.now, last))
    new_day = last is not None and last.date() != tx.now.date()
    return Found(
        name=row["name"],
        language=row["language"],
        zone=row["zone"],
        expires_at=ends,
        is_over=is_over,
        is_first=is_noted and last is None,
        nears_end=is_noted and new_day and ends - tx.now <= NEAR_END,
    )
