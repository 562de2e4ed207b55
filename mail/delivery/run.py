"""Delivering: claim what is due, chunk by chunk, while the chunk before is being sent."""

import random
from collections import deque
from typing import Final

import structlog

from mail.config import MailConfig
from mail.delivery.claiming import claim, wake
from mail.delivery.doubts import recover
from mail.delivery.pool import Pool
from mail.queues import PASSING
from mail.states import quoted
from sync.database import tx

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Invitations decided in one transaction, and in the first: mails leave while others are decided.
CHUNK: Final = 200
FIRST: Final = 40

#: `overdue`: a lease has run out; what a dead worker left is taken back.
_ACCOUNTS: Final = quoted("""
SELECT account, bool_or(overdue) AS overdue
FROM (
  SELECT account, false AS overdue FROM outbox WHERE phase = {Phase.WAITING} AND not_before <= $1
  UNION ALL
  SELECT account, false FROM sender_breaker WHERE until <= $1
  UNION ALL
  SELECT account, true FROM outbox
  WHERE phase IN ({Phase.CLAIMED}, {Phase.DATA}) AND lease_until <= $1
) AS due
GROUP BY account
""")


async def deliver_due(config: MailConfig) -> int:
    """Decide what is due and send what may go; how many invitations were due.

    What the server refuses altogether is kept for later.

    :raises OSError, asyncpg.PostgresError: the database cannot be used; leases bring back what
        was under way.
    """
    async with tx() as opened:
        due = await opened.fetch(_ACCOUNTS, opened.now)
    for row in due:
        if row["overdue"]:
            await _recover(config, row["account"])
    return await _deliver(config, [row["account"] for row in due]) if due else 0


async def _recover(config: MailConfig, account: int) -> None:
    try:
        await recover(config, account)
    except PASSING:
        raise
    except Exception:  # whatever it is, other accounts must not wait for it
        LOG.exception("leases could not be taken back", account=account)


async def _deliver(config: MailConfig, accounts: list[int]) -> int:
    """A chunk of each account, and again of those that have more: none has to wait for another.

    Where somebody `waited` for another's outcome, and something was `tried` that may have been
    that, who waited is judged again.
    """
    random.shuffle(accounts)  # workers that start together should not all decide for the same
    queue, due = deque(accounts), 0
    waited, tried = set(), set()
    pool = Pool(config)
    try:
        while queue and not pool.stopped:
            account = queue.popleft()
            chunk = await claim(config, account, CHUNK if due else FIRST)
            await pool.take(chunk.jobs)
            due += chunk.found
            if chunk.waiting:
                waited.add(account)
            if chunk.jobs:
                tried.add(account)
            if chunk.found:
                queue.append(account)
    finally:
        await pool.finish()
        for account in waited & tried:
            await wake(account)
    return due
