"""Queues in the database, and how a poisonous entry is kept from its neighbours."""

import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import structlog
from msgspec import Struct

from mail.campaigns.formats import LaterFormatError
from sync.connections import AWAY
from sync.database import RETRYABLE, Tx, run, tx

LOG: Final = structlog.stdlib.get_logger("retour.queues")

#: Entries of one account that are worked on in one transaction.
CHUNK: Final = 100
#: After so many failures an entry is put aside until an operator looks at it.
ATTEMPTS: Final = 5
#: Longer messages of errors are cut.
_ERROR_LENGTH: Final = 500

#: What is no entry's fault: connections, resources, stops, locks, a process that is too old.
PASSING: Final = (
    *AWAY,
    LaterFormatError,
    asyncpg.LockNotAvailableError,
    *RETRYABLE,
)

#: Works on those of the entries that nobody else works on, takes them off the queue, counts them.
OnEntries: TypeAlias = Callable[[Tx, list[UUID]], Awaitable[int]]


class Queue(Struct, frozen=True):
    """A queue's name in logs, and its statements.

    `entry`: what each entry is, which is the name of its column.
    `due`: `account` and entry of what is due at $1, at most $2, the longest due first.
    `failed`: of account $1 and entry $2, note at $3 the error $4; put it aside at the $5th.
    """

    name: str
    due: str
    failed: str
    entry: str = "task"


async def work_off(queue: Queue, limit: int, work: OnEntries) -> int:
    """Work on at most `limit` due entries of all accounts, as a worker; how many were done.

    A chunk that fails is tried again one by one: who fails alone is noted, waits longer each
    time, and is put aside at last, while the others are done.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    async with tx() as opened:
        due = await opened.fetch(queue.due, opened.now, limit)
    chunks = list(_chunks(queue, due))
    random.shuffle(chunks)  # workers that start together should not all meet at the same entries
    return sum([await _chunk(queue, account, entries, work) for account, entries in chunks])


def _chunks(queue: Queue, due: Iterable[asyncpg.Record]) -> Iterable[tuple[int, list[UUID]]]:
    by_account: dict[int, list[UUID]] = {}
    for row in due:
        by_account.setdefault(row["account"], []).append(row[queue.entry])
    for account, entries in by_account.items():
        for start in range(0, len(entries), CHUNK):
            yield account, entries[start : start + CHUNK]


async def _chunk(queue: Queue, account: int, entries: list[UUID], work: OnEntries) -> int:
    try:
        return await run(account, lambda tx: work(tx, entries))
    except PASSING:
        raise
    except Exception:  # whatever it is, it must not keep the neighbours waiting
        LOG.warning("chunk failed", queue=queue.name, account=account, exc_info=True)
    return sum([await _alone(queue, account, entry, work) for entry in entries])


async def _alone(queue: Queue, account: int, entry: UUID, work: OnEntries) -> int:
    try:
        return await run(account, lambda tx: work(tx, [entry]))
    except PASSING:
        raise
    except Exception as error:
        named = {queue.entry: str(entry)}
        LOG.exception("entry failed", queue=queue.name, account=account, **named)
        message = f"{type(error).__name__}: {error}".replace("\x00", "")[:_ERROR_LENGTH]
    async with tx(account) as opened:
        await opened.execute(queue.failed, account, entry, opened.now, message, ATTEMPTS)
    return 0
