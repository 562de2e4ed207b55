"""Queues in the database; an entry that cannot be processed does not block the others."""

import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import structlog
from msgspec import Struct

from mail.campaigns.formats import LaterFormatError
from sync.connections import AWAY
from sync.database import RETRYABLE, Tx, run, tx

LOG: Final = structlog.stdlib.get_logger("retour.queues")

#: Entries of one account that are processed in one transaction.
CHUNK: Final = 100
#: After so many failures an entry is quarantined until an operator releases it.
ATTEMPTS: Final = 5
#: Longer texts of errors are cut.
_ERROR_LENGTH: Final = 500

#: Not the fault of an entry: connections, resources, stops, locks, a process that is too old.
PASSING: Final = (
    *AWAY,
    LaterFormatError,
    asyncpg.LockNotAvailableError,
    *RETRYABLE,
)

#: Works on those of the entries that are not locked, removes them and returns their number.
OnEntries: TypeAlias = Callable[[Tx, list[UUID]], Awaitable[int]]


class Queue(Struct, frozen=True):
    """A queue's name in logs, and its statements.

    `entry`: the name of the column that identifies an entry.
    `due`: selects `account` and entry of at most $2 entries due at $1, the longest due first.
    `failed`: of account $1 and entry $2, records at $3 the error $4; quarantines it the $5th time.
    """

    name: str
    due: str
    failed: str
    entry: str


def queue_in(table: str, name: str, entry: str, *, then: str = "") -> Queue:
    """Return the queue `name` in a table whose entries are identified by the column `entry`.

    `then`: a column by which entries are ordered that became due together.
    """
    order = f"not_before, {then}" if then else "not_before"
    due = f"""
    SELECT account, {entry} FROM {table}
    WHERE quarantined_at IS NULL AND not_before <= $1
    ORDER BY {order} LIMIT $2
    """  # noqa: S608 - our own text
    failed = f"""
    UPDATE {table} SET attempts = attempts + 1, error = $4,
      not_before = $3::timestamptz + interval '5 seconds' * power(4, attempts),
      quarantined_at = CASE WHEN attempts + 1 >= $5 THEN $3::timestamptz END
    WHERE account = $1 AND {entry} = $2
    """  # noqa: S608 - our own text
    return Queue(name, due, failed, entry)


async def process_due(queue: Queue, limit: int, work: OnEntries) -> int:
    """Work on at most `limit` due entries of all accounts, and return how many were done.

    The entries of a chunk that fails are tried again one by one. One that fails alone has its
    error recorded, waits longer each time, and is quarantined in the end.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    async with tx() as opened:
        due = await opened.fetch(queue.due, opened.now, limit)
    by_account: dict[int, list[UUID]] = {}
    for row in due:
        by_account.setdefault(row["account"], []).append(row[queue.entry])
    chunks = [
        (account, entries[start : start + CHUNK])
        for account, entries in by_account.items()
        for start in range(0, len(entries), CHUNK)
    ]
    random.shuffle(chunks)  # workers that start together should not compete for the same entries
    done = 0
    for account, chunk in chunks:
        try:
            done += await _run(account, work, chunk)
        except PASSING:
            raise
        except Exception:  # any fault of one entry must not delay the others
            LOG.warning("chunk failed", queue=queue.name, account=account, exc_info=True)
            done += sum([await _process_alone(queue, account, entry, work) for entry in chunk])
    return done


async def _process_alone(queue: Queue, account: int, entry: UUID, work: OnEntries) -> int:
    try:
        return await _run(account, work, [entry])
    except PASSING:
        raise
    except Exception as error:
        named = {queue.entry: str(entry)}
        LOG.exception("entry failed", queue=queue.name, account=account, **named)
        message = error_text(error)
    async with tx(account) as opened:
        await opened.execute(queue.failed, account, entry, opened.now, message, ATTEMPTS)
    return 0


async def _run(account: int, work: OnEntries, entries: list[UUID]) -> int:
    return await run(account, lambda tx: work(tx, entries))


def error_text(error: Exception) -> str:
    """Return kind and message of `error`, as a text column can store them."""
    return f"{type(error).__name__}: {error}".replace("\x00", "")[:_ERROR_LENGTH]
