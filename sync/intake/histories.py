"""Histories of tasks, without the texts that people wrote."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from rules.history import Transition
from sync.database import Tx

HISTORIES: Final = """
SELECT task, id, type, state, moment, sequence, received_at, survey, device
FROM transition WHERE account = $1 AND task = ANY($2::uuid[])
"""


async def read_histories(tx: Tx, tasks: Collection[UUID]) -> dict[UUID, list[Transition]]:
    """Return all transitions of `tasks`, by task; `rules.history.ordered` orders them."""
    histories: dict[UUID, list[Transition]] = {task: [] for task in tasks}
    for row in await tx.fetch(HISTORIES, tx.account, list(tasks)):
        task, identity, type_, state, moment, sequence, received, survey, device = row
        histories[task].append(
            Transition(identity, type_, state, moment, sequence, received, survey, device=device)
        )
    return histories
