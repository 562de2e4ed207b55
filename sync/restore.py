"""Restores of the database from a backup, after which facts and sent mails may be missing."""

from typing import Final

from sync.database import Tx

LOCK: Final = "SELECT FROM account WHERE account = $1 FOR NO KEY UPDATE"
RECORD: Final = "UPDATE account SET restored_at = $2 WHERE account = $1"
NEW_EPOCH: Final = "UPDATE feed_head SET epoch = epoch + 1 WHERE account = $1"


async def declare_restored(tx: Tx) -> None:
    """Record a restore, and raise the feed's epoch so that the account's devices start again.

    Mails that were due by now wait for an operator: they may have been sent already.
    """
    await record_restore(tx)
    await tx.execute(NEW_EPOCH, tx.account)


async def lock_account(tx: Tx) -> None:
    """Lock the account's row; to be done before the feed's counter is locked."""
    await tx.execute(LOCK, tx.account)


async def record_restore(tx: Tx) -> None:
    """Record the present time as that of the account's last restore."""
    await tx.execute(RECORD, tx.account, tx.now)
