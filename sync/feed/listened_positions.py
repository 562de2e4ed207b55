"""Positions of feeds, by which a listener knows whether a pull would return anything."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from sync.connections import PROMPT
from sync.database import Tx, once

HEADS: Final = "SELECT account, epoch, position FROM feed_heads($1::bigint[])"

#: One index lookup for each technician, however long the feed.
OWN: Final = """
SELECT technician, coalesce((
  SELECT f.position FROM feed f WHERE f.account = $1 AND f.technician = w.technician
  ORDER BY f.position DESC LIMIT 1), 0) AS position
FROM unnest($2::uuid[]) AS w(technician)
"""

BUMP_POSITION: Final = "UPDATE feed_head SET position = position + 1 WHERE account = $1"


class Head(NamedTuple):
    """The last position of an account's counter, and its epoch."""

    epoch: int
    position: int


async def read_heads(accounts: Sequence[int]) -> dict[int, Head]:
    """Return the heads of `accounts`, read by one statement that needs no scope."""
    rows = await once(HEADS, accounts, limit=PROMPT)
    return {row["account"]: Head(row["epoch"], row["position"]) for row in rows}


async def own_positions(tx: Tx, technicians: Sequence[UUID]) -> dict[UUID, int]:
    """Return the last position in each technician's own feed; 0 for an empty one."""
    rows = await tx.fetch(OWN, tx.account, technicians)
    return {row["technician"]: row["position"] for row in rows}


async def bump_position(tx: Tx) -> None:
    """Raise the account's counter for a change that concerns listeners but is in no feed.

    It locks the counter, so it is the last statement of a transaction.
    """
    await tx.execute(BUMP_POSITION, tx.account)
