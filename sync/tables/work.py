"""Tables of customers, tasks and the feed. Times are UTC; `key` is the primary key in SQL."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Boolean, Bytea, SmallInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class Customer(Table, tablename="customer", db=DB):
    """A customer.

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
    """A location. `zone`: IANA name, `region`: whose holidays; null for the account's."""

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
    region = Text(null=True, default=None)


class TaskType(Table, tablename="task_type", db=DB):
    """A task type. `names`: translations by language. `flow`: next states by state code.

    `asks`: the campaigns that ask about tasks of the type, as devices get them; null for none.
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
    """A state with its kind. `names`: translations by language."""

    key = ("account", "code")
    account = BigInt(null=False, default=None)
    code = Text(primary_key=True, null=False, default=None)
    name = Text(null=False, default=None)
    names = JSONB(null=False, default=None)
    kind = Text(null=False, default=None)


class Task(Table, tablename="task", db=DB):
    """A task.

    `state`, `state_moment` and `state_transition` are of its last transition by order; without any
    they are `initial_state`, the task's creation, and null. `round_opened_at`: UTC; from then on
    transitions belong to its current round, null for the first. `sent_by_hand`: campaigns whose
    survey of this round was sent by hand, null for none.
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
    round_opened_at = Timestamptz(null=True, default=None)
    sent_by_hand = Array(base_column=UUID(), null=True, default=None)


class SearchedText(Table, tablename="searched_text", db=DB):
    """The searched text of a task, customer, location, app_user or task_type, by `search_form`.

    Triggers of the database write it.
    """

    key = ("account", "kind", "id")
    account = BigInt(null=False, default=None)
    kind = Text(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    text = Text(null=False, default=None)


class Assignment(Table, tablename="assignment", db=DB):
    """An assignment: who is responsible for a task, from `start_at` to `end_at` (null: open)."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    task = UUID(null=False, default=None)
    technician = UUID(null=True, default=None)
    unit = UUID(null=True, default=None)
    start_at = Timestamptz(null=False, default=None)
    end_at = Timestamptz(null=True, default=None)


class Transition(Table, tablename="transition", db=DB):
    """A row for each transition ever pushed: a fact if it is accepted, else open.

    A fact has the pushed values and copies of values of its task and customer at reception; the
    running roles cannot update it. `moment`: corrected for the skew. `device_moment`: by the
    device's clock. `technician`: whose work it is. `by`: the dispatcher who entered it for them.

    An open one has `pushed_task` and `body` instead. `refusal`: the reason of a refused one.
    `settled_at`: when its verdict changed after the push. `settled_by`: the user who accepted it.
    `dismissed_at`, `dismissed_by`, `dismissed_reason`: that a refused one needs no acceptance.
    `spelling`: the id as its device writes it, if that differs from `id`. `arrived_at`: when it was
    first pushed. `received_at`: when it was accepted.
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
    dismissed_at = Timestamptz(null=True, default=None)
    dismissed_by = UUID(null=True, default=None)
    dismissed_reason = Text(null=True, default=None)
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
    """The counter of an account's feeds. `pruned`: the position up to which tombstones may lack."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    epoch = BigInt(null=False, default=None)
    position = BigInt(null=False, default=None)
    pruned = BigInt(null=False, default=None)


class Feed(Table, tablename="feed", db=DB):
    """A row for each thing and technician, which moves to the end when the thing changes."""

    key = ("account", "kind", "id", "technician")
    account = BigInt(null=False, default=None)
    technician = UUID(null=False, default=None)
    kind = Text(null=False, default=None)
    id = Text(primary_key=True, null=False, default=None)
    position = BigInt(null=False, default=None)
    deleted = Boolean(null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)


class TaskChange(Table, tablename="task_change", db=DB):
    """The queue of tasks whose history changed, to be planned; written under the task's lock."""

    key = ("account", "task")
    account = BigInt(null=False, default=None)
    task = UUID(primary_key=True, null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)
    attempts = SmallInt(null=False, default=None)
    not_before = Timestamptz(null=False, default=None)
    quarantined_at = Timestamptz(null=True, default=None)
    error = Text(null=True, default=None)
