"""Tables: who uses Retour. Times are UTC; `key` is the primary key in the database."""

from piccolo.columns import UUID, BigInt, Boolean, Bytea, Interval, SmallInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class TestClock(Table, tablename="test_clock", db=DB):
    """How far tests moved the clock. A production start is refused while it holds a row."""

    key = ("id",)
    id = SmallInt(primary_key=True, null=False, default=None)
    shift = Interval(null=False, default=None)


class Account(Table, tablename="account", db=DB):
    """A company that uses Retour.

    `zone` is an IANA name; `after_crash`: what to do with a mail that may have gone.
    `restored_at`: when the database came back from a backup the last time.
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
    """An enrolled phone or tablet; only the SHA-256 of its credential is kept."""

    key = ("account", "id")
    account = BigInt(null=False, default=None)
    id = UUID(primary_key=True, null=False, default=None)
    technician = UUID(null=False, default=None)
    name = Text(null=False, default=None)
    credential_hash = Bytea(null=False, default=None)
    enrolled_at = Timestamptz(null=False, default=None)
    revoked_at = Timestamptz(null=True, default=None)


class EnrolmentCode(Table, tablename="enrolment_code", db=DB):
    """A single-use code that turns into a device; only its SHA-256 is kept."""

    key = ("account", "code_hash")
    account = BigInt(null=False, default=None)
    code_hash = Bytea(primary_key=True, null=False, default=None)
    technician = UUID(null=False, default=None)
    expires_at = Timestamptz(null=False, default=None)
    used_at = Timestamptz(null=True, default=None)
