"""A database that came back from a backup: what was told since then is not known any more."""

from typing import Final

from sync.database import Tx

HOLD: Final = "SELECT FROM account WHERE account = $1 FOR NO KEY UPDATE"
NOTE: Final = "UPDATE account SET restored_at = $2 WHERE account = $1"
NEW_EPOCH: Final = "UPDATE feed_head SET epoch = epoch + 1 WHERE account = $1"


async def declare_restored(tx: Tx) -> None:
    """Have the account's devices start again, and mails that were due by now wait for a word.

    Cursors of before are answered `resync`; what was due before now may have been sent already.
    """
    await record_restore(tx)
    await tx.execute(NEW_EPOCH, tx.account)


async def lock_account(tx: Tx) -> None:
    """Lock the account's own row, before the feed's counter."""
    await tx.execute(HOLD, tx.account)


async def record_restore(tx: Tx) -> None:
    """Keep that what was due by now may have been sent without the database remembering it."""
    await tx.execute(NOTE, tx.account, tx.now)
