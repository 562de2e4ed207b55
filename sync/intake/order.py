"""What the order of tasks' transitions depends on, read without what people wrote in them."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from rules.facts import Transition
from sync.database import Tx

HISTORIES: Final = """
SELECT task, id, type, state, moment, sequence, received_at, survey, device
FROM transition WHERE account = $1 AND task = ANY($2::uuid[])
"""


async def read_histories(tx: Tx, tasks: Collection[UUID]) -> dict[UUID, list[Transition]]:
    """All transitions of `tasks` in no order (`rules.history` gives it), by task."""
    histories: dict[UUID, list[Transition]] = {task: [] for task in tasks}
    for row in await tx.fetch(HISTORIES, tx.account, list(tasks)):
        task, identity, type_, state, moment, sequence, received, survey, device = row
        histories[task].append(
            Transition(identity, type_, state, moment, sequence, received, survey, device=device)
        )
    return histories
