"""Accounts."""

from sync.database import Tx
from sync.records.shapes import AccountPut


async def create_account(tx: Tx, new: AccountPut) -> int:
    """Create the account whose scope `tx` has (`ids.new_account_number`), with an empty feed."""
    raise NotImplementedError
