"""Tables that planning writes: decisions and completions."""

from piccolo.columns import UUID, Array, BigInt, Date, Integer, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class Decision(Table, tablename="decision", db=DB):
    """The outcome of one campaign on one transition: `scheduled`, or the reason why not.

    `release`: of a scheduled one. `moment`, `unit`: the transition's, which the database copies.
    """

    key = ("account", "campaign", "transition")
    account = BigInt(null=False, default=None)
    campaign = UUID(null=False, default=None)
    transition = UUID(primary_key=True, null=False, default=None)
    task = UUID(null=False, default=None)
    round = Integer(null=False, default=None)
    outcome = Text(null=False, default=None)
    release = Timestamptz(null=True, default=None)
    decided_at = Timestamptz(null=False, default=None)
    moment = Timestamptz(null=False, default=None)
    unit = UUID(null=False, default=None)


class Completion(Table, tablename="completion", db=DB):
    """The first entry of a task into a finished state, with the facts of its transition.

    `moment`: in UTC; `day`: its civil day where the task is. A later position was committed
    later; a completion that changes gets a new one.
    """

    key = ("account", "task", "round")
    account = BigInt(null=False, default=None)
    task = UUID(null=False, default=None)
    round = Integer(primary_key=True, null=False, default=None)
    transition = UUID(null=False, default=None)
    moment = Timestamptz(null=False, default=None)
    day = Date(null=False, default=None)
    type = UUID(null=False, default=None)
    customer = UUID(null=True, default=None)
    location = UUID(null=True, default=None)
    unit = UUID(null=False, default=None)
    priority = Text(null=True, default=None)
    reason = Text(null=True, default=None)
    channel = Text(null=True, default=None)
    account_manager = UUID(null=True, default=None)
    tags = Array(base_column=Text(), null=False, default=None)
    customer_tags = Array(base_column=Text(), null=False, default=None)
    technician = UUID(null=False, default=None)
    position = BigInt(null=False, default=None)


class CompletionHead(Table, tablename="completion_head", db=DB):
    """The counter of an account's completions; locked last by a transaction that writes them."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    position = BigInt(null=False, default=None)
