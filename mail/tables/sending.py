"""Tables of invitations and their mails: queue, breakers, links and events."""

from piccolo.columns import (
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    Date,
    Integer,
    SmallInt,
    Text,
    Timestamptz,
)
from piccolo.table import Table

from sync.database import DB


class Invitation(Table, tablename="invitation", db=DB):
    """One survey.

    `kind`: `task` is for a campaign, task and round; `relational` for a campaign, customer and
    period, about no visit. `customer`: of a task's the customer of the transition, if any; of a
    relational one the customer who is asked. `period`: its first day. `manual`: sent by hand.
    `limits_waived`: then, that neither mute window nor cap keeps it back. `rearm_transition`: the
    task's last transition when the invitation was dropped for a reason that a later transition may
    undo. `reminders_used`: how many reminders were sent, or may have been; the most there can be
    once the office has cancelled one.
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
    limits_waived = Boolean(null=False, default=False)
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
    reminders_used = SmallInt(null=False, default=0)


class Outbox(Table, tablename="outbox", db=DB):
    """An invitation in the queue: its release, phase, attempt and lease.

    `faults`: failures to decide on or write the mail; refusals of the mail server do not count.
    `vouched_at`: when an operator released it from being held. It overrules restores before
    that time only: a backup may contain the release and not the sending that followed.
    `resent`: an earlier copy may have been delivered, this is the last. `purpose`: see
    `mail.states`. `own_address`, `own_typed_address`, `own_message_id`: of another mail than the
    first, whose stand in the invitation. `sender_domain`, `recipient_domain`: of the breaker that
    it waits for.
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
    own_address = Text(null=True, default=None)
    own_typed_address = Text(null=True, default=None)
    own_message_id = Text(null=True, default=None)


class SenderBreaker(Table, tablename="sender_breaker", db=DB):
    """Refusals of mail from a sender's domain to a recipient's domain, or to any (`*`).

    While it is closed (`opened_at` is null), `refused` lists the addresses that were refused in
    a row. While it is open, no mail is tried before `until`. `probes`: how many mails were tried
    since it opened and refused. `reason`: the server's last reply.
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


class Link(Table, tablename="link", db=DB):
    """The two links of a mail: to the survey, and to unsubscribe.

    The secret of the latter is the SHA-256 of the former's, and `token_hash` the SHA-256 of
    that. So no link can be made from what is stored, and a reader of the unsubscribe link, such
    as a mailbox provider, cannot open the survey. `contact`: whom a further mail was sent to; null
    for the first, which the invitation's use of a contact tells.
    """

    key = ("account", "token_hash")
    account = BigInt(null=False, default=None)
    token_hash = Bytea(primary_key=True, null=False, default=None)
    invitation = UUID(null=False, default=None)
    contact = UUID(null=True, default=None)


class MailEvent(Table, tablename="mail_event", db=DB):
    """What happened to a mail, never updated.

    `by`: the user who asked for it, null where none did. `address`: where the mail goes, as typed;
    null for that of the invitation.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    invitation = UUID(null=False, default=None)
    kind = Text(null=False, default=None)
    happened_at = Timestamptz(null=False, default=None)
    attempt = Integer(null=False, default=None)
    detail = Text(null=True, default=None)
    by = UUID(null=True, default=None)
    address = Text(null=True, default=None)
