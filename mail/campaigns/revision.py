"""The revision of what deciding needs of an account: its campaigns, calendar, units and sender."""

from typing import Final

from sync.database import Tx

_INCREMENT: Final = """
INSERT INTO campaign_set (account, revision) VALUES ($1, 1)
ON CONFLICT (account) DO UPDATE SET revision = campaign_set.revision + 1
"""


async def increment_revision(tx: Tx) -> None:
    """Have every process read these again. Other writers and planning wait for this transaction."""
    await tx.execute(_INCREMENT, tx.account)
