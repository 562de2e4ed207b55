"""Tables of the ledger's counts, and of what is to be counted anew."""

from piccolo.columns import UUID, BigInt, Date, Integer, SmallInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class LedgerCount(Table, tablename="ledger_count", db=DB):
    """How many tasks were completed on a day of the account, by what a campaign made of them.

    `campaign`: `planning.counting.ALL` for all of them together. `outcome`: of the decision that
    stands; `no_campaign` where there is none of any campaign.
    """

    key = ("account", "day", "campaign", "unit", "outcome")
    account = BigInt(null=False, default=None)
    day = Date(null=False, default=None)
    campaign = UUID(primary_key=True, null=False, default=None)
    unit = UUID(null=False, default=None)
    outcome = Text(null=False, default=None)
    tasks = Integer(null=False, default=None)


class LedgerChange(Table, tablename="ledger_change", db=DB):
    """An hour (UTC, its start) whose completions or their decisions changed since counted."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    hour = Timestamptz(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)
    attempts = SmallInt(null=False, default=None)
    not_before = Timestamptz(null=False, default=None)
    quarantined_at = Timestamptz(null=True, default=None)
    error = Text(null=True, default=None)
