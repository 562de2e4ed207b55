"""Tables: what happened in the field. Times are UTC; `key` is the primary key in the database."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Boolean, Bytea, SmallInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class Customer(Table, tablename="customer", db=DB):
    """A client record.

    `email_by` and `email_at`: the technician who captured the address, and when.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    external_id = Text(null=True, default=None)
    name = Text(null=False, default=None)
    email = Text(null=True, default=None)
    billing_email = Text(null=True, default=None)
    email_by = UUID(null=True, default=None)
    email_at = Timestamptz(null=True, default=None)
    phone = Text(null=True, default=None)
    language = Text(null=False, default=None)
    tags = Array(base_column=Text(), null=False, default=None)
    account_manager = UUID(null=True, default=None)
    unit = UUID(null=True, default=None)
    active = Boolean(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)


class Location(Table, tablename="location", db=DB):
    """A place of work. `zone` (IANA) is the account's where empty."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    external_id = Text(null=True, default=None)
    customer = UUID(null=True, default=None)
    name = Text(null=False, default=None)
    address = Text(null=False, default=None)
    email = Text(null=True, default=None)
    phone = Text(null=True, default=None)
    zone = Text(null=True, default=None)


class TaskType(Table, tablename="task_type", db=DB):
    """`names`: translations by language; `flow`: allowed next states by state code.

    `asks`: who is asked when a task of the type enters a state, as told to devices; null: nobody.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    external_id = Text(null=True, default=None)
    name = Text(null=False, default=None)
    names = JSONB(null=False, default=None)
    flow = JSONB(null=False, default=None)
    asks = JSONB(null=True, default=None)


class State(Table, tablename="state", db=DB):
    """A coded state with its kind; `names`: translations by language."""

    key = ("account", "code")
    account = BigInt(null=False, default=None)
    code = Text(primary_key=True, null=False, default=None)
    name = Text(null=False, default=None)
    names = JSONB(null=False, default=None)
    kind = Text(null=False, default=None)


class Task(Table, tablename="task", db=DB):
    """One job.

    `state`, `state_moment` and `state_transition` fold its transitions, the last by order;
    without any they are `initial_state` and its creation.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    external_id = Text(null=True, default=None)
    type = UUID(null=False, default=None)
    initial_state = Text(null=False, default=None)
    state = Text(null=False, default=None)
    state_moment = Timestamptz(null=False, default=None)
    state_transition = UUID(null=True, default=None)
    customer = UUID(null=True, default=None)
    location = UUID(null=True, default=None)
    unit = UUID(null=False, default=None)
    technician = UUID(null=True, default=None)
    title = Text(null=False, default=None)
    contact_email = Text(null=True, default=None)
    priority = Text(null=True, default=None)
    reason = Text(null=True, default=None)
    channel = Text(null=True, default=None)
    account_manager = UUID(null=True, default=None)
    tags = Array(base_column=Text(), null=False, default=None)
    scheduled_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(null=False, default=None)


class SearchedText(Table, tablename="searched_text", db=DB):
    """What is searched of a task, customer or location (`kind`), as `search_form` writes it.

    The database keeps it by triggers, whoever writes the record.
    """

    key = ("account", "kind", "id")
    account = BigInt(null=False, default=None)
    kind = Text(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    text = Text(null=False, default=None)


class Assignment(Table, tablename="assignment", db=DB):
    """Who was responsible for a task, from `start_at` to `end_at` (open when null)."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    task = UUID(null=False, default=None)
    technician = UUID(null=True, default=None)
    unit = UUID(null=True, default=None)
    start_at = Timestamptz(null=False, default=None)
    end_at = Timestamptz(null=True, default=None)


class Transition(Table, tablename="transition", db=DB):
    """One row for each transition ever pushed: a fact where it is accepted, else open.

    A fact has what was told, and what was so of its task and customer when it was received; those
    who run never update it. `moment` is corrected; `device_moment` is what the device said.
    `technician`: whose work it was; `by`: the dispatcher who told it in the technician's place.

    What is open has `pushed_task` and `body`, and none of that. `refusal`: why it is refused.
    `settled_at`: when its verdict changed after it was told; `settled_by`: who accepted it.
    `spelling`: the id as its device writes it, where that is not as `id` is written. `arrived_at`:
    when it was first told; `received_at`: when it became a fact.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    device = UUID(null=True, default=None)
    technician = UUID(null=False, default=None)
    by = UUID(null=True, default=None)
    spelling = Text(null=True, default=None)
    digest = Bytea(null=False, default=None)
    arrived_at = Timestamptz(null=False, default=None)
    verdict = Text(null=False, default=None)
    refusal = Text(null=True, default=None)
    settled_at = Timestamptz(null=True, default=None)
    settled_by = UUID(null=True, default=None)
    pushed_task = UUID(null=True, default=None)
    body = JSONB(null=True, default=None)
    task = UUID(null=True, default=None)
    state = Text(null=True, default=None)
    moment = Timestamptz(null=True, default=None)
    sequence = BigInt(null=True, default=None)
    device_moment = Timestamptz(null=True, default=None)
    received_at = Timestamptz(null=True, default=None)
    note = Text(null=True, default=None)
    survey = Boolean(null=True, default=None)
    survey_reason = Text(null=True, default=None)
    email = Text(null=True, default=None)
    unexpected = Boolean(null=True, default=None)
    type = UUID(null=True, default=None)
    customer = UUID(null=True, default=None)
    location = UUID(null=True, default=None)
    unit = UUID(null=True, default=None)
    priority = Text(null=True, default=None)
    reason = Text(null=True, default=None)
    channel = Text(null=True, default=None)
    account_manager = UUID(null=True, default=None)
    tags = Array(base_column=Text(), null=True, default=None)
    customer_tags = Array(base_column=Text(), null=True, default=None)


class FeedHead(Table, tablename="feed_head", db=DB):
    """The account's feed: its epoch, the last position given, where tombstones are pruned to."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    epoch = BigInt(null=False, default=None)
    position = BigInt(null=False, default=None)
    pruned = BigInt(null=False, default=None)


class Feed(Table, tablename="feed", db=DB):
    """One row per thing and technician, moved to the end when it changes."""

    key = ("account", "kind", "id", "technician")
    account = BigInt(null=False, default=None)
    technician = UUID(null=False, default=None)
    kind = Text(null=False, default=None)
    id = Text(primary_key=True, null=False, default=None)
    position = BigInt(null=False, default=None)
    deleted = Boolean(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)


class TaskChange(Table, tablename="task_change", db=DB):
    """The queue of tasks whose history changed; guarded by the task's lock."""

    key = ("account", "task")
    account = BigInt(null=False, default=None)
    task = UUID(primary_key=True, null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)
    attempts = SmallInt(null=False, default=None)
    not_before = Timestamptz(null=False, default=None)
    quarantined_at = Timestamptz(null=True, default=None)
    error = Text(null=True, default=None)
