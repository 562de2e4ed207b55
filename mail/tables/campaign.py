"""Tables of campaigns: identity, versions, drafts, images, pauses and the account's switch."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Bytea, Integer, SmallInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class SenderIdentity(Table, tablename="sender_identity", db=DB):
    """What an account's mails say of their sender; a text is empty where it is not known yet.

    `domains`: of addresses that are the account's own.
    """

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    legal_name = Text(null=False, default=None)
    postal_address = Text(null=False, default=None)
    phone = Text(null=False, default=None)
    email = Text(null=False, default=None)
    url = Text(null=False, default=None)
    domains = Array(base_column=Text(), null=False, default=None)


class CampaignSet(Table, tablename="campaign_set", db=DB):
    """The revision of an account's campaigns: it grows with every change of one of them.

    Processes that cache campaigns compare it (`mail.campaigns.cache`).
    """

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    revision = BigInt(null=False, default=None)


class Campaign(Table, tablename="campaign", db=DB):
    """A campaign's identity and status; its texts and rules are in its versions."""

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
    """A version of a campaign, never updated: invitations are pinned to it.

    `rules`: whom it asks and when; `content`: what customers read (`mail.campaigns.definition`).
    `format`: of both documents.
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
    """An unsaved edit of a campaign, which need not exist yet; saving it makes a version.

    `revision` grows with each change; a writer names the one that it read.
    """

    key = ("account", "campaign")
    account = BigInt(null=False, default=None)
    campaign = UUID(primary_key=True, null=False, default=None)
    body = JSONB(null=False, default=None)
    revision = Integer(null=False, default=None)
    updated_by = UUID(null=False, default=None)
    updated_at = Timestamptz(null=False, default=None)


class Asset(Table, tablename="asset", db=DB):
    """An image for campaigns (`mail.assets`), of each content once, and never changed."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    sha256 = Bytea(null=False, default=None)
    mime = Text(null=False, default=None)
    bytes = Bytea(null=False, default=None)
    name = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)


class AssetUse(Table, tablename="asset_use", db=DB):
    """That a version of a campaign shows an image."""

    key = ("account", "asset", "campaign", "version")
    account = BigInt(null=False, default=None)
    asset = UUID(null=False, default=None)
    campaign = UUID(null=False, default=None)
    version = Integer(primary_key=True, null=False, default=None)


class BankQuestion(Table, tablename="bank_question", db=DB):
    """A question for campaigns to take (`mail.campaigns.bank`).

    `archived_at`: since when none takes it any more, null for a current one.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    category = Text(null=False, default=None)
    question = JSONB(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    archived_at = Timestamptz(null=True, default=None)


class Calendar(Table, tablename="calendar", db=DB):
    """An account's quiet hours and holidays (`mail.campaigns.calendar`); no row is none."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    body = JSONB(null=False, default=None)


class SurveyCap(Table, tablename="survey_cap", db=DB):
    """At most so many surveys go to an address in so many days; no row is no limit."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    surveys = SmallInt(null=False, default=None)
    days = SmallInt(null=False, default=None)


class CampaignPause(Table, tablename="campaign_pause", db=DB):
    """A pause of a campaign, from `start_at` to `end_at` (null while it lasts)."""

    key = ("account", "campaign", "start_at")
    account = BigInt(null=False, default=None)
    campaign = UUID(null=False, default=None)
    start_at = Timestamptz(primary_key=True, null=False, default=None)
    end_at = Timestamptz(null=True, default=None)


class SendingPause(Table, tablename="sending_pause", db=DB):
    """A time in which the account sent no survey at all; `end_at` is null while it lasts.

    `paused_by`: the user who switched it off, null for a program.
    """

    key = ("account", "start_at")
    account = BigInt(null=False, default=None)
    start_at = Timestamptz(primary_key=True, null=False, default=None)
    end_at = Timestamptz(null=True, default=None)
    paused_by = UUID(null=True, default=None)
    reason = Text(null=False, default=None)
