"""The position of an account's mail, which grows when surveys, mails or answers change.

Pages that follow an account are reloaded when it grows. It does not say what changed.
"""

from collections.abc import Sequence
from typing import Final

from sync.connections import PROMPT
from sync.database import once

_READ: Final = "SELECT account, position FROM mail_heads($1::bigint[])"

#: For `Tx.last`: once the transaction is committed, pages that follow the account are reloaded.
ADVANCE: Final = """
INSERT INTO mail_head AS h (account, position) VALUES ($1, 1)
ON CONFLICT (account) DO UPDATE SET position = h.position + 1
"""


async def read_positions(accounts: Sequence[int]) -> dict[int, int]:
    """Return the positions of those of `accounts` that have one; needs no scope."""
    rows = await once(_READ, accounts, limit=PROMPT)
    return {row["account"]: row["position"] for row in rows}
