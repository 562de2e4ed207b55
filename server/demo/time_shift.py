"""Moves the clock of the demonstration ahead, so that nobody waits for a survey with a delay."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from mail.recall import CLAIM_LOCK
from server.demo.fixture import DEMO

if TYPE_CHECKING:
    from sync.connections import Connection

_ACCOUNTS: Final = "SELECT account FROM account"
_DEMO_PEOPLE: Final = "SELECT count(*) FROM login WHERE account = $1 AND address = ANY($2)"
#: No account can be made until the clock has moved, and after that it is refused.
_NO_NEW_ACCOUNT: Final = "LOCK TABLE account IN SHARE MODE"
_MOVE: Final = """
INSERT INTO test_clock (id, shift) VALUES (1, $1)
ON CONFLICT (id) DO UPDATE SET shift = test_clock.shift + EXCLUDED.shift
"""
#: Mails on their way go on, and who is signed in stays so.
_LEASES: Final = """
UPDATE outbox SET lease_until = lease_until + $2::interval
WHERE account = $1 AND lease_until IS NOT NULL
"""
_SESSIONS: Final = """
UPDATE session SET created_at = created_at + $2::interval, expires_at = expires_at + $2::interval,
  last_seen_at = last_seen_at + $2::interval
WHERE account = $1
"""
_OUTCOME: Final = """
SELECT retour_now() AS now,
  (SELECT count(*) FROM outbox WHERE phase = 'waiting' AND not_before <= retour_now()) AS due
"""


class RealAccountError(RuntimeError):
    """The database holds other accounts than the demonstration's, whose time nobody may move."""


class Moved(Struct, frozen=True):
    """The time of the demonstration, UTC, and how many surveys are due by it."""

    now: datetime
    due: int


async def has_only_demo(owner: "Connection") -> bool:
    """Whether the database has one account, with people of the demonstration."""
    accounts = await owner.fetch(_ACCOUNTS)
    if len(accounts) != 1:
        return False
    addresses = [user.email for user in DEMO.users]
    return bool(await owner.fetchval(_DEMO_PEOPLE, accounts[0]["account"], addresses))


async def hours_ahead(owner: "Connection") -> int:
    """By how many hours the clock was moved."""
    shift: timedelta | None = await owner.fetchval("SELECT shift FROM test_clock")
    return round((shift or timedelta()) / timedelta(hours=1))


async def move_clock(owner: "Connection", by: timedelta) -> Moved:
    """Move the clock ahead in the owner's transaction.

    :raises RealAccountError: the database does not hold the demonstration alone.
    """
    for row in await owner.fetch(_ACCOUNTS):
        await owner.execute(CLAIM_LOCK, row["account"])
    await owner.execute(_NO_NEW_ACCOUNT)
    if not await has_only_demo(owner):
        raise RealAccountError
    account = await owner.fetchval(_ACCOUNTS)
    await owner.execute(_MOVE, by)
    await owner.execute(_LEASES, account, by)
    await owner.execute(_SESSIONS, account, by)
    [row] = await owner.fetch(_OUTCOME)
    return Moved(row["now"], row["due"])
