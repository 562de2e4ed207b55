"""Tables of contacts: addresses of an account and what was sent to them."""

from piccolo.columns import UUID, Array, BigInt, Boolean, Bytea, SmallInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class ContactKey(Table, tablename="contact_key", db=DB):
    """The secret with which an account's addresses are hashed; created once, never changed."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    secret = Bytea(null=False, default=None)


class Contact(Table, tablename="contact", db=DB):
    """One address of an account, in normal form; locked while a release is decided for it.

    `address`: null once it is erased; `address_key`, its HMAC, and the other columns stay.
    `suppressed_source`: the link of a mail, a server's refusal, an import, or staff.
    `suppressed_before`: the other reason not to write to an address that unsubscribed, null for
    none; `source_before`: where that came from.
    `left_campaigns`: whose surveys the person wants no more; `quarterly_since`: since when at most
    one survey a quarter is wanted, of all campaigns.
    `full_visits`: tasks whose mails were refused because the mailbox was full, since the last
    mail that it accepted; `full_since`: when the first of them was.
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
    suppressed_before = Text(null=True, default=None)
    suppressed_source = Text(null=True, default=None)
    source_before = Text(null=True, default=None)
    left_campaigns = Array(base_column=UUID(), null=True, default=None)
    quarterly_since = Timestamptz(null=True, default=None)


class ContactUse(Table, tablename="contact_use", db=DB):
    """An invitation whose mail is on its way to a contact, or was sent (`confirmed`).

    The last one of a campaign starts its mute window; how often a contact was asked is their
    count. Both count from `counted_from`. `priority`: of the campaign; always null so far.
    `customer`: whose survey it was, null for a task without one.
    """

    key = ("account", "invitation")
    account = BigInt(null=False, default=None)
    contact = UUID(null=False, default=None)
    invitation = UUID(primary_key=True, null=False, default=None)
    campaign = UUID(null=False, default=None)
    priority = SmallInt(null=True, default=None)
    confirmed = Boolean(null=False, default=None)
    counted_from = Timestamptz(null=False, default=None)
    customer = UUID(null=True, default=None)
