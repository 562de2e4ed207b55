"""Queues of tasks in the database, and how a poisonous entry is kept from its neighbours."""

import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import structlog
from msgspec import Struct

from sync.connecting import AWAY
from sync.database import RETRYABLE, Tx, run, tx

LOG: Final = structlog.stdlib.get_logger("retour.queues")

#: Tasks of one account that are worked on in one transaction.
CHUNK: Final = 100
#: After so many failures an entry is put aside until an operator looks at it.
ATTEMPTS: Final = 5
#: Longer messages of errors are cut.
_ERROR_LENGTH: Final = 500

#: What passes by itself and is no task's fault: connections, resources, stops, locks.
PASSING: Final = (
    *AWAY,
    asyncpg.LockNotAvailableError,
    *RETRYABLE,
)

#: Works on those of the tasks that nobody else works on, takes them off the queue, counts them.
OnTasks: TypeAlias = Callable[[Tx, list[UUID]], Awaitable[int]]


class Queue(Struct, frozen=True):
    """A queue's name in logs, and its statements.

    `due`: `account` and `task` of what is due at $1, at most $2, the longest due first.
    `failed`: of account $1 and task $2, note at $3 the error $4; put it aside at the $5th.
    """

    name: str
    due: str
    failed: str


async def work_off(queue: Queue, limit: int, work: OnTasks) -> int:
    """Work on at most `limit` due tasks of all accounts, as a worker; how many were done.

    A chunk that fails is tried again task by task: who fails alone is noted, waits longer each
    time, and is put aside at last, while the others are done.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    async with tx() as opened:
        due = await opened.fetch(queue.due, opened.now, limit)
    chunks = list(_chunks(due))
    random.shuffle(chunks)  # workers that start together should not all meet at the same tasks
    return sum([await _chunk(queue, account, tasks, work) for account, tasks in chunks])


def _chunks(due: Iterable[asyncpg.Record]) -> Iterable[tuple[int, list[UUID]]]:
    by_account: dict[int, list[UUID]] = {}
    for row in due:
        by_account.setdefault(row["account"], []).append(row["task"])
    for account, tasks in by_account.items():
        for start in range(0, len(tasks), CHUNK):
            yield account, tasks[start : start + CHUNK]


async def _chunk(queue: Queue, account: int, tasks: list[UUID], work: OnTasks) -> int:
    try:
        return await run(account, lambda tx: work(tx, tasks))
    except PASSING:
        raise
    except Exception:  # whatever it is, it must not keep the neighbours waiting
        LOG.warning("chunk failed", queue=queue.name, account=account, exc_info=True)
    return sum([await _alone(queue, account, task, work) for task in tasks])


async def _alone(queue: Queue, account: int, task: UUID, work: OnTasks) -> int:
    try:
        return await run(account, lambda tx: work(tx, [task]))
    except PASSING:
        raise
    except Exception as error:
        LOG.exception("task failed", queue=queue.name, account=account, task=str(task))
        message = f"{type(error).__name__}: {error}".replace("\x00", "")[:_ERROR_LENGTH]
    async with tx(account) as opened:
        await opened.execute(queue.failed, account, task, opened.now, message, ATTEMPTS)
    return 0
