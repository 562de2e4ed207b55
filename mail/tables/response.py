"""Tables of responses: answers, follow-ups and the results of tasks."""

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Date,
    Integer,
    Numeric,
    SmallInt,
    Text,
    Timestamptz,
)
from piccolo.table import Table

from sync.database import DB


class Answer(Table, tablename="answer", db=DB):
    """The current answer to an invitation.

    `task`: null for a relational invitation. `lead_kind`, `lead_value`: scale and value of the
    leading question; `sentiment`: negative, neutral or positive, by the campaign's version.
    `nps`: value of the question of that kind. `unit`, `technician`, `account_manager`, `type`,
    `channel`: as of the transition; of a relational invitation the customer's `unit` and
    `account_manager`, and no other. `day`: civil day of `answered_at` in the account's zone.
    `versions`: how often it was submitted with a difference. `phone`: where to call back, as typed;
    null where no call is asked for. `contact`: from whose address it came; null for the one that
    the first mail went to. `segment` is always null so far.
    """

    key = ("account", "invitation")
    account = BigInt(null=False, default=None)
    invitation = UUID(primary_key=True, null=False, default=None)
    task = UUID(null=True, default=None)
    campaign = UUID(null=False, default=None)
    version = Integer(null=False, default=None)
    not_me = Boolean(null=False, default=None)
    call_back = Boolean(null=False, default=None)
    phone = Text(null=True, default=None)
    language = Text(null=False, default=None)
    lead_kind = Text(null=False, default=None)
    lead_value = SmallInt(null=True, default=None)
    nps = SmallInt(null=True, default=None)
    sentiment = Text(null=True, default=None)
    unit = UUID(null=True, default=None)
    technician = UUID(null=True, default=None)
    account_manager = UUID(null=True, default=None)
    type = UUID(null=True, default=None)
    channel = Text(null=True, default=None)
    segment = Text(null=True, default=None)
    day = Date(null=False, default=None)
    versions = Integer(null=False, default=None)
    first_answered_at = Timestamptz(null=False, default=None)
    answered_at = Timestamptz(null=False, default=None)
    contact = UUID(null=True, default=None)


class AnswerValue(Table, tablename="answer_value", db=DB):
    """The current answer to one question; fields as in `mail.responses.recording.Value`."""

    key = ("account", "invitation", "question")
    account = BigInt(null=False, default=None)
    invitation = UUID(null=False, default=None)
    question = Text(primary_key=True, null=False, default=None)
    kind = Text(null=False, default=None)
    value = SmallInt(null=True, default=None)
    choices = Array(base_column=Text(), null=False, default=None)
    text = Text(null=False, default=None)


class AnswerVersion(Table, tablename="answer_version", db=DB):
    """A version of an answer as one document (`mail.responses.recording`), never updated."""

    key = ("account", "invitation", "version")
    account = BigInt(null=False, default=None)
    invitation = UUID(null=False, default=None)
    version = Integer(primary_key=True, null=False, default=None)
    body = JSONB(null=False, default=None)
    answered_at = Timestamptz(null=False, default=None)


class AnswerPartial(Table, tablename="answer_partial", db=DB):
    """A choice on the page that was not submitted: not an answer, and counted nowhere."""

    key = ("account", "invitation", "question")
    account = BigInt(null=False, default=None)
    invitation = UUID(null=False, default=None)
    question = Text(primary_key=True, null=False, default=None)
    kind = Text(null=False, default=None)
    value = SmallInt(null=False, default=None)
    chosen_at = Timestamptz(null=False, default=None)


class FollowUp(Table, tablename="follow_up", db=DB):
    """Work that an answer asks for (`mail.responses.follow_ups`); one of each kind per answer.

    `status`: open, in_progress, or closed with a `resolution`. `closed_by`: null where the
    customer withdrew it. `note`: of who closed it, null for none. `owner` and `due_at` are always
    null so far.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    invitation = UUID(null=False, default=None)
    kind = Text(null=False, default=None)
    opened_at = Timestamptz(null=False, default=None)
    owner = UUID(null=True, default=None)
    due_at = Timestamptz(null=True, default=None)
    status = Text(null=False, default=None)
    resolution = Text(null=True, default=None)
    closed_by = UUID(null=True, default=None)
    closed_at = Timestamptz(null=True, default=None)
    note = Text(null=True, default=None)


class RollupChange(Table, tablename="rollup_change", db=DB):
    """The queue of invitations whose task's result has to be computed again."""

    key = ("account", "invitation")
    account = BigInt(null=False, default=None)
    invitation = UUID(primary_key=True, null=False, default=None)
    changed_at = Timestamptz(null=False, default=None)
    attempts = SmallInt(null=False, default=None)
    not_before = Timestamptz(null=False, default=None)
    quarantined_at = Timestamptz(null=True, default=None)
    error = Text(null=True, default=None)


class TaskResult(Table, tablename="task_result", db=DB):
    """The roll-up of a task's answers.

    `answers`: how many have a rating. `lead_kind`, `lead_value`, `sentiment`: of the last of
    these. `lead_mean`: over answers on the same scale as the last, since scales are never mixed.
    `nps`: the last value. `negative`: whether any answer is.
    """

    key = ("account", "task")
    account = BigInt(null=False, default=None)
    task = UUID(primary_key=True, null=False, default=None)
    answers = Integer(null=False, default=None)
    lead_kind = Text(null=True, default=None)
    lead_value = SmallInt(null=True, default=None)
    lead_mean = Numeric(digits=(5, 2), null=True, default=None)
    sentiment = Text(null=True, default=None)
    nps = SmallInt(null=True, default=None)
    negative = Boolean(null=False, default=None)
    comments = Integer(null=False, default=None)
    call_back = Boolean(null=False, default=None)
    answered_at = Timestamptz(null=True, default=None)
    rolled_at = Timestamptz(null=False, default=None)
