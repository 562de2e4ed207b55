"""Tables of accounts, users and devices. Times are UTC; `key` is the primary key in SQL."""

from piccolo.columns import UUID, BigInt, Boolean, Bytea, Interval, SmallInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class TestClock(Table, tablename="test_clock", db=DB):
    """The shift of the clock in tests. A production start is refused while it has a row."""

    key = ("id",)
    id = SmallInt(primary_key=True, null=False, default=None)
    shift = Interval(null=False, default=None)


class Account(Table, tablename="account", db=DB):
    """An account: a company that uses Retour.

    `zone`: IANA name. `after_crash`: resend or hold a mail whose outcome is uncertain.
    `restored_at`: the last time at which the database was restored from a backup.
    """

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    name = Text(null=False, default=None)
    zone = Text(null=False, default=None)
    language = Text(null=False, default=None)
    after_crash = Text(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)
    restored_at = Timestamptz(null=True, default=None)


class Unit(Table, tablename="unit", db=DB):
    """A node of the account's tree: head office, regions, sites."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    external_id = Text(null=True, default=None)
    parent = UUID(null=True, default=None)
    kind = Text(null=False, default=None)
    name = Text(null=False, default=None)


class User(Table, tablename="app_user", db=DB):
    """A person who signs in or carries a device; `email` is in its normal form."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    external_id = Text(null=True, default=None)
    unit = UUID(null=False, default=None)
    role = Text(null=False, default=None)
    name = Text(null=False, default=None)
    email = Text(null=False, default=None)
    language = Text(null=False, default=None)
    password_hash = Text(null=True, default=None)
    active = Boolean(null=False, default=None)
    created_at = Timestamptz(null=False, default=None)


class Device(Table, tablename="device", db=DB):
    """An enrolled phone or tablet; only the SHA-256 of its credential is stored.

    `last_seen_at`: when it last used that, accurate to a few minutes.
    """

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    technician = UUID(null=False, default=None)
    name = Text(null=False, default=None)
    credential_hash = Bytea(null=False, default=None)
    enrolled_at = Timestamptz(null=False, default=None)
    revoked_at = Timestamptz(null=True, default=None)
    last_seen_at = Timestamptz(null=True, default=None)


class EnrolmentCode(Table, tablename="enrolment_code", db=DB):
    """A single-use code for an enrolment; only its SHA-256 is stored."""

    key = ("account", "code_hash")
    account = BigInt(null=False, default=None)
    code_hash = Bytea(primary_key=True, null=False, default=None)
    technician = UUID(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)
