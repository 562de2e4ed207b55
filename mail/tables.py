"""Tables: what follows. Times are UTC; `key` is the primary key in the database."""

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    Date,
    Integer,
    Numeric,
    SmallInt,
    Text,
    Timestamptz,
)
from piccolo.table import Table

from sync.database import DB


class CampaignSet(Table, tablename="campaign_set", db=DB):
    """Grows by one whenever a campaign of the account changes, so that workers may keep theirs."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    revision = BigInt(null=False, default=None)


class Campaign(Table, tablename="campaign", db=DB):
    """A campaign's identity and status; what it says is in its versions."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    external_id = Text(null=True, default=None)
    name = Text(null=False, default=None)
    status = Text(null=False, default=None)
    version = Integer(null=False, default=None)
    activated_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(null=False, default=None)


class CampaignVersion(Table, tablename="campaign_version", db=DB):
    """What a campaign said at a version, never updated: invitations point at it.

    `rules`: whom it asks and when; `content`: what customers read (`definition`). `format`:
    in which they are written (`mail.campaigns.formats`).
    """

    key = ("account", "campaign", "version")
    account = BigInt(null=False, default=None)
    campaign = UUID(null=False, default=None)
    version = Integer(primary_key=True, null=False, default=None)
    rules = JSONB(null=False, default=None)
    content = JSONB(null=False, default=None)
    format = SmallInt(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)


class CampaignDraft(Table, tablename="campaign_draft", db=DB):
    """What somebody writes of a campaign, which need not exist yet: no version until it is saved.

    `revision` grows with each change: who writes names the one that was read.
    """

    key = ("account", "campaign")
    account = BigInt(null=False, default=None)
    campaign = UUID(primary_key=True, null=False, default=None)
    body = JSONB(null=False, default=None)
    revision = Integer(null=False, default=None)
    updated_by = UUID(null=False, default=None)
    updated_at = Timestamptz(null=False, default=None)


class Asset(Table, tablename="asset", db=DB):
    """An image of a campaign, known by its SHA-256 and never changed."""

    key = ("account", "sha256")
    account = BigInt(null=False, default=None)
    sha256 = Bytea(primary_key=True, null=False, default=None)
    mime = Text(null=False, default=None)
    bytes = Bytea(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)


class CampaignPause(Table, tablename="campaign_pause", db=DB):
    """When a campaign stood still, from `start_at` to `end_at` (open when null)."""

    key = ("account", "campaign", "start_at")
    account = BigInt(null=False, default=None)
    campaign = UUID(null=False, default=None)
    start_at = Timestamptz(primary_key=True, null=False, default=None)
    end_at = Timestamptz(null=True, default=None)


class Decision(Table, tablename="decision", db=DB):
    """The outcome of one campaign on one transition: scheduled, or the reason why not."""

    key = ("account", "campaign", "transition")
    account = BigInt(null=False, default=None)
    campaign = UUID(null=False, default=None)
    transition = UUID(primary_key=True, null=False, default=None)
    task = UUID(null=False, default=None)
    round = Integer(null=False, default=None)
    outcome = Text(null=False, default=None)
    release = Timestamptz(null=True, default=None)
    decided_at = Timestamptz(null=False, default=None)


class Invitation(Table, tablename="invitation", db=DB):
    """One survey.

    `kind`: `task`, for a campaign, task and round; `relational`, for a campaign, customer and
    period, about no visit. `customer`: whom the transition names, if any; of a relational one
    whoever is asked. `period`: its first day. `manual`: somebody in the office asked for it.
    `rearm_transition`: the task's last transition at a drop that may re-arm.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    campaign = UUID(null=False, default=None)
    version = Integer(null=False, default=None)
    kind = Text(null=False, default=None)
    task = UUID(null=True, default=None)
    round = Integer(null=True, default=None)
    transition = UUID(null=True, default=None)
    technician = UUID(null=True, default=None)
    customer = UUID(null=True, default=None)
    period = Date(null=True, default=None)
    manual = Boolean(null=False, default=None)
    status = Text(null=False, default=None)
    reason = Text(null=True, default=None)
    due = Timestamptz(null=False, default=None)
    release = Timestamptz(null=False, default=None)
    rearm_transition = UUID(null=True, default=None)
    address = Text(null=True, default=None)
    typed_address = Text(null=True, default=None)
    address_field = Text(null=True, default=None)
    address_by_technician = Boolean(null=False, default=None)
    language = Text(null=True, default=None)
    message_id = Text(null=True, default=None)
    sent_at = Timestamptz(null=True, default=None)
    deadline = Timestamptz(null=True, default=None)
    created_at = Timestamptz(null=False, default=None)


class Outbox(Table, tablename="outbox", db=DB):
    """The queue of invitations that are not settled: its release, phase, attempt and lease.

    `faults`: how often it could not be decided or written; the mail server is no part of that.
    `vouched_at`: when an operator let it go. It holds against restores of before, not of after:
    a backup may remember the word and not that it was followed. `resent`: a copy of this mail may
    have gone before, this is the last. `purpose`: see `mail.states`. `sender_domain` and
    `recipient_domain`: it waits for the breaker of these.
    """

    key = ("account", "invitation")
    account = BigInt(null=False, default=None)
    invitation = UUID(primary_key=True, null=False, default=None)
    release = Timestamptz(null=False, default=None)
    not_before = Timestamptz(null=False, default=None)
    phase = Text(null=False, default=None)
    purpose = Text(null=False, default=None)
    attempt = Integer(null=False, default=None)
    lease_until = Timestamptz(null=True, default=None)
    first_tried_at = Timestamptz(null=True, default=None)
    resent = Boolean(null=False, default=None)
    survey_token = Bytea(null=True, default=None)
    faults = SmallInt(null=False, default=0)
    error = Text(null=True, default=None)
    vouched_at = Timestamptz(null=True, default=None)
    sender_domain = Text(null=True, default=None)
    recipient_domain = Text(null=True, default=None)


class SenderBreaker(Table, tablename="sender_breaker", db=DB):
    """Refusals of what a sender's domain sends to a recipient's, or to any (`*`).

    While it is shut (`opened_at` is null), `refused` holds the addresses that were refused in a
    row. While it is open nothing is tried before `until`; `probes`: how often one was, and was
    refused. `reason`: what the server said last.
    """

    key = ("account", "sender", "recipient")
    account = BigInt(null=False, default=None)
    sender = Text(null=False, default=None)
    recipient = Text(primary_key=True, null=False, default=None)
    refused = Array(base_column=Text(), null=False, default=None)
    reason = Text(null=False, default=None)
    refused_at = Timestamptz(null=False, default=None)
    opened_at = Timestamptz(null=True, default=None)
    until = Timestamptz(null=True, default=None)
    probes = Integer(null=False, default=None)


class ContactKey(Table, tablename="contact_key", db=DB):
    """Under which an account's addresses are hashed; made once and never changed."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    secret = Bytea(null=False, default=None)


class Contact(Table, tablename="contact", db=DB):
    """One address of an account, in normal form; locked whenever a release is decided for it.

    `address`: null once it is erased; `address_key`, its HMAC, stays, and so does what is known of
    it. `full_visits`: the tasks whose mails it never had room for, since it last took one, from
    `full_since` on.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    address = Text(null=True, default=None)
    address_key = Bytea(null=False, default=None)
    suppressed = Text(null=True, default=None)
    suppressed_at = Timestamptz(null=True, default=None)
    full_since = Timestamptz(null=True, default=None)
    full_visits = Array(base_column=UUID(), null=True, default=None)


class ContactUse(Table, tablename="contact_use", db=DB):
    """An invitation whose mail is on its way to a contact, or went (`confirmed`).

    The last one of a campaign holds its mute window; how often somebody was asked is a count of
    them. Both count from `counted_from`. `priority`: of the campaign, of which none has one yet.
    """

    key = ("account", "invitation")
    account = BigInt(null=False, default=None)
    contact = UUID(null=False, default=None)
    invitation = UUID(primary_key=True, null=False, default=None)
    campaign = UUID(null=False, default=None)
    priority = SmallInt(null=True, default=None)
    confirmed = Boolean(null=False, default=None)
    counted_from = Timestamptz(null=False, default=None)


class Link(Table, tablename="link", db=DB):
    """What the two links of a mail open: the survey, and leaving.

    The secret of the one to leave is the SHA-256 of the survey's, and `token_hash` the SHA-256 of
    that. So nobody makes a link of what is kept, and whoever reads the one to leave, as mailbox
    providers do, cannot open the survey.
    """

    key = ("account", "token_hash")
    account = BigInt(null=False, default=None)
    token_hash = Bytea(primary_key=True, null=False, default=None)
    invitation = UUID(null=False, default=None)


class MailEvent(Table, tablename="mail_event", db=DB):
    """What happened to a mail, never updated."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    invitation = UUID(null=False, default=None)
    kind = Text(null=False, default=None)
    happened_at = Timestamptz(null=False, default=None)
    attempt = Integer(null=False, default=None)
    detail = Text(null=True, default=None)


class Answer(Table, tablename="answer", db=DB):
    """What the customer last said, on the whole; one for each invitation.

    `task`: None where a customer was asked about no visit. `lead_kind`, `lead_value`: the leading
    question's scale, and what was chosen on it; `sentiment`: what that says, by the campaign's
    version: negative, neutral or positive. `nps`: what was said to the question of that kind.
    `unit`, `technician`, `account_manager`, `type`, `channel`: as they were at the transition;
    about no visit the customer's `unit` and `account_manager`, if any, and no other.
    `day`: the civil day of `answered_at` in the account's zone. `versions`: how many there were.
    No page asks for `phone` yet, and no campaign for a `segment`.
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


class AnswerValue(Table, tablename="answer_value", db=DB):
    """What the customer last said to one question, as `responses.answer_body.Value` tells it."""

    key = ("account", "invitation", "question")
    account = BigInt(null=False, default=None)
    invitation = UUID(null=False, default=None)
    question = Text(primary_key=True, null=False, default=None)
    kind = Text(null=False, default=None)
    value = SmallInt(null=True, default=None)
    choices = Array(base_column=Text(), null=False, default=None)
    text = Text(null=False, default=None)


class AnswerVersion(Table, tablename="answer_version", db=DB):
    """Everything the customer said (`responses.answer_body`), version by version, never updated."""

    key = ("account", "invitation", "version")
    account = BigInt(null=False, default=None)
    invitation = UUID(null=False, default=None)
    version = Integer(primary_key=True, null=False, default=None)
    body = JSONB(null=False, default=None)
    answered_at = Timestamptz(null=False, default=None)


class AnswerPartial(Table, tablename="answer_partial", db=DB):
    """What a customer chose on the page and did not submit: no answer, and nowhere counted."""

    key = ("account", "invitation", "question")
    account = BigInt(null=False, default=None)
    invitation = UUID(null=False, default=None)
    question = Text(primary_key=True, null=False, default=None)
    kind = Text(null=False, default=None)
    value = SmallInt(null=False, default=None)
    chosen_at = Timestamptz(null=False, default=None)


class FollowUp(Table, tablename="follow_up", db=DB):
    """What an answer leaves to be done (`responses.follow_ups`); one of each kind for an answer.

    `status`: open until somebody takes it up, in_progress, or closed with a `resolution`.
    `closed_by`: None where the customer withdrew it. Nobody is its `owner` yet, nor is any due.
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


class RollupChange(Table, tablename="rollup_change", db=DB):
    """The queue of invitations whose answer is to be counted again."""

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

    `answers`: how many rated. `lead_kind`, `lead_value`, `sentiment`: of the last that did.
    `lead_mean`: of those on the scale of the last, for scales are never mixed. `nps`: the last
    one. `negative`: any was.
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


class Completion(Table, tablename="completion", db=DB):
    """The first entry of a task into a finished state, with what its transition froze.

    `moment`: when it counts, UTC; `day`: its civil day where the task is. Later positions were
    committed later; a completion that changes moves to the end.
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
    """The last position of an account's completions: the last lock of who completes tasks."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    position = BigInt(null=False, default=None)


class MailHead(Table, tablename="mail_head", db=DB):
    """How far an account's surveys, sendings and answers are: the last lock of who moves them."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    position = BigInt(null=False, default=None)


class ClockTurn(Table, tablename="clock_turn", db=DB):
    """Whose turn it is to ring what is due."""

    key = ("name",)
    name = Text(primary_key=True, null=False, default=None)
    holder = UUID(null=False, default=None)
    until = Timestamptz(null=False, default=None)
