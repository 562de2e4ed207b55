"""Beginning a round again: what an account's transitions led to is forgotten and decided anew."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from mail.planning.plan import plan_due
from tests.bench.ground import Ground

FORGET: Final = (
    "completion", "mail_event", "link", "contact_use", "outbox", "invitation", "decision",
)  # fmt: skip

ENQUEUE: Final = """
INSERT INTO task_change (account, task, changed_at, attempts, not_before)
SELECT $1, id, now(), 0, now() FROM unnest($2::uuid[]) AS id
"""


async def queue_again(owner: Any, ground: Ground, tasks: Sequence[UUID]) -> None:
    """Forget what followed, and queue `tasks` for planning."""
    for table in FORGET:
        await owner.execute(f"DELETE FROM {table} WHERE account = $1", ground.account)
    await owner.execute(ENQUEUE, ground.account, tasks)


async def plan_again(owner: Any, ground: Ground, tasks: Sequence[UUID]) -> int:
    """As `queue_again`, and plan; how many were planned."""
    await queue_again(owner, ground, tasks)
    planned = 0
    while done := await plan_due():
        planned += done
    return planned
