"""News of mail: a position of each account that moves with its surveys, sendings and answers.

Pages that follow an account look again when it moves. It says nothing of what.
"""

from collections.abc import Sequence
from typing import Final

from sync.connections import PROMPT
from sync.database import once

HEADS: Final = "SELECT account, position FROM mail_heads($1::bigint[])"

#: For `Tx.last`: those who follow the account look again once the transaction is committed.
MOVED: Final = """
INSERT INTO mail_head AS h (account, position) VALUES ($1, 1)
ON CONFLICT (account) DO UPDATE SET position = h.position + 1
"""


async def read_positions(accounts: Sequence[int]) -> dict[int, int]:
    """The positions of those of `accounts` that have any, in one statement without their scopes."""
    rows = await once(HEADS, accounts, limit=PROMPT)
    return {row["account"]: row["position"] for row in rows}
