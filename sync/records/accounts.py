"""Creating accounts."""

from typing import Final

from sync.audit import AuditChange, record
from sync.database import Tx
from sync.ids import locator
from sync.records.checks import Check, checked, name, zone
from sync.records.shapes import AccountPut
from sync.tables.people import Account
from sync.tables.work import FeedHead

CHECKS: Final[dict[str, Check]] = {"name": name, "zone": zone}


async def create_account(tx: Tx, new: AccountPut) -> int:
    """Create the account of the scope of `tx`, with an empty feed, and return its number.

    :raises FieldError: its name or zone is invalid.
    """
    draft = checked(new, CHECKS)
    await Account.insert(Account(account=tx.account, created_at=tx.now, **draft))
    await FeedHead.insert(FeedHead(account=tx.account, epoch=1, position=0, pruned=0))
    await record(tx, "account.create", [AuditChange(f"account/{locator(tx.account)}", None, draft)])
    return tx.account
