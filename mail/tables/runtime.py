"""Tables that processes coordinate by: the position of an account, the lease of the clock."""

from piccolo.columns import UUID, BigInt, Text, Timestamptz
from piccolo.table import Table

from sync.database import DB


class MailHead(Table, tablename="mail_head", db=DB):
    """The counter of changes to an account's surveys, mails and answers; locked last."""

    key = ("account",)
    account = BigInt(primary_key=True, null=False, default=None)
    position = BigInt(null=False, default=None)


class ClockTurn(Table, tablename="clock_turn", db=DB):
    """The lease of the clock: which process rings for what is due, and until when."""

    key = ("name",)
    name = Text(primary_key=True, null=False, default=None)
    holder = UUID(null=False, default=None)
    until = Timestamptz(null=False, default=None)
