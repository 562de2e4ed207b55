"""Delivering: claim what is due, chunk by chunk, while the chunk before is being sent."""

import random
from collections import deque
from collections.abc import Iterable
from typing import Final

from mail.config import MailConfig
from mail.delivery.claiming import claim, wake
from mail.delivery.doubts import recover
from mail.delivery.post import Post
from sync.database import tx

#: Invitations decided in one transaction.
CHUNK: Final = 200

#: `overdue`: a lease has run out; what a dead worker left is taken back.
_ACCOUNTS: Final = """
SELECT account, bool_or(overdue) AS overdue
FROM (
  SELECT account, false AS overdue FROM outbox WHERE phase = 'waiting' AND not_before <= $1
  UNION ALL
  SELECT account, true FROM outbox WHERE phase IN ('claimed', 'data') AND lease_until <= $1
) AS due
GROUP BY account
"""


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
            await recover(config, row["account"])
    return await _deliver(config, [row["account"] for row in due]) if due else 0


async def _deliver(config: MailConfig, accounts: list[int]) -> int:
    random.shuffle(accounts)  # workers that start together should not all decide for the same
    post = Post(config)
    waited: set[int] = set()
    try:
        return await _in_turns(config, accounts, post, waited)
    finally:
        await post.finish()
        for account in waited:
            await wake(account)


async def _in_turns(
    config: MailConfig, accounts: Iterable[int], post: Post, waited: set[int]
) -> int:
    """A chunk of each account, and again of those that have more: none has to wait for another.

    Adds to `waited` the accounts in which some met another's reservation.
    """
    total = 0
    queue = deque(accounts)
    while queue and not post.stopped:
        account = queue.popleft()
        chunk = await claim(config, account, CHUNK)
        await post.take(chunk.jobs)
        total += chunk.found
        if chunk.waiting:
            waited.add(account)
        if chunk.found:
            queue.append(account)
    return total
