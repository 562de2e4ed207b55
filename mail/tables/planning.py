"""Tables of planning: rounds, and what it writes: decisions and completions."""

from piccolo.columns import UUID, Array, BigInt, Date, Integer, SmallInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class TaskRound(Table, tablename="task_round", db=DB):
    """A round of a task after its first, which nobody opens and which has no row.

    `opened_at`: UTC; transitions from that moment on belong to it. `opened_by`: null for a program.
    """

    key = ("account", "task", "round")
    account = BigInt(null=False, default=None)
    task = UUID(null=False, default=None)
    round = Integer(primary_key=True, null=False, default=None)
    opened_at = Timestamptz(null=False, default=None)
    opened_by = UUID(null=True, default=None)
    reason = Text(null=False, default=None)


class Decision(Table, tablename="decision", db=DB):
    """The outcome of one campaign on one transition: `scheduled`, or the reason why not.

    `release`: of a scheduled one. `detail`: the choice of the person that `suppressed` stands for.
    `kept_back_by`: the invitation that was in the way of one that is `muted` or `capped`; it may
    be gone.
    `request_reason`: why a user or program sent this survey by hand, null where none did;
    `requested_by`: the user. `moment`, `unit`: the transition's, which the database copies.
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
    detail = Text(null=True, default=None)
    requested_by = UUID(null=True, default=None)
    request_reason = Text(null=True, default=None)
    moment = Timestamptz(null=False, default=None)
    unit = UUID(null=False, default=None)
    kept_back_by = UUID(null=True, default=None)


class Completion(Table, tablename="completion", db=DB):
    """The first entry of a task's round into a finished state, with the facts of its transition.

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


class PlaceChange(Table, tablename="place_change", db=DB):
    """A location whose calendar changed since what waits there was planned again.

    `location`: zeros for all of the account. `after`: how far that is: the last invitation, of a
    location the last task.
    """

    key = ("account", "location")
    account = BigInt(null=False, default=None)
    location = UUID(primary_key=True, null=False, default=None)
    after = UUID(null=True, default=None)
    changed_at = Timestamptz(null=False, default=None)
    attempts = SmallInt(null=False, default=None)
    not_before = Timestamptz(null=False, default=None)
    quarantined_at = Timestamptz(null=True, default=None)
    error = Text(null=True, default=None)
