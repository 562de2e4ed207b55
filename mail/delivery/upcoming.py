"""What is to be sent: the mails that wait or are held, by release, with what becomes of each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail.delivery.forecast import Forecast, forecast
from mail.delivery.held import RESTORED
from mail.states import Phase, Purpose, Status, quoted
from sync.database import Tx

_SHOWN: Final = """
SELECT o.invitation, o.release, o.phase, o.purpose, i.status, i.reason, i.deadline, i.sent_at,
  i.typed_address, i.campaign, m.name AS campaign_name, i.task, t.title, t.external_id AS number,
  t.state, c.name AS customer
FROM page o
CROSS JOIN LATERAL (SELECT * FROM invitation WHERE account = $1 AND id = o.invitation LIMIT 1) i
CROSS JOIN LATERAL (SELECT name FROM campaign WHERE account = $1 AND id = i.campaign LIMIT 1) m
LEFT JOIN LATERAL (
  SELECT title, external_id, state, customer FROM task
  WHERE account = $1 AND id = i.task LIMIT 1) t ON true
LEFT JOIN LATERAL (
  SELECT name FROM customer WHERE account = $1
    AND id = CASE WHEN i.task IS NULL THEN i.customer ELSE t.customer END LIMIT 1) c ON true
ORDER BY o.release, o.invitation
"""

#: Each half is read along its index, whatever the length of the queue.
_LIST: Final = quoted(f"""
WITH page AS MATERIALIZED (
  (SELECT invitation, release, phase, purpose FROM outbox
   WHERE account = $1 AND phase = {{Phase.WAITING}} AND (release, invitation) > ($2, $3)
   ORDER BY release, invitation LIMIT $4)
  UNION ALL
  (SELECT invitation, release, phase, purpose FROM outbox
   WHERE account = $1 AND phase = {{Phase.HELD}} AND (release, invitation) > ($2, $3)
   ORDER BY release, invitation LIMIT $4)
  ORDER BY release, invitation LIMIT $4
)
{_SHOWN}""")  # noqa: S608 - our own text

_ONE: Final = f"""
WITH page AS (
  SELECT i.id AS invitation, coalesce(o.release, i.release) AS release, o.phase, o.purpose
  FROM invitation i LEFT JOIN outbox o ON (o.account, o.invitation) = (i.account, i.id)
  WHERE i.account = $1 AND i.id = $2
)
{_SHOWN}"""  # noqa: S608 - our own text


class Place(Struct, frozen=True, array_like=True):
    """Where a page of the list begins: behind this release (UTC) and invitation."""

    release: datetime
    invitation: UUID


#: Before all releases.
START: Final = Place(datetime(1, 1, 2, tzinfo=UTC), UUID(int=0))


class Send(Struct, frozen=True, kw_only=True):
    """A survey and the mail of it that is in the queue, if there is one.

    `phase`, `purpose`: None outside of the queue. `reason`: why it is held, was dropped or ended.
    `release`, `deadline`, `sent_at`: UTC. `typed_address`: where its mail went; None before.
    `number`: the task's external id. `state`: the task's code. `customer`: a name. `fate`: what
    becomes of a mail that waits; None for another, or where nothing can be decided.
    """

    invitation: UUID
    release: datetime
    phase: Phase | None
    purpose: Purpose | None
    status: Status
    reason: str | None
    deadline: datetime | None
    sent_at: datetime | None
    typed_address: str | None
    campaign: UUID
    campaign_name: str
    task: UUID | None
    title: str | None
    number: str | None
    state: str | None
    customer: str | None
    fate: Forecast | None

    @property
    def place(self) -> Place:
        """Where the page after it begins."""
        return Place(self.release, self.invitation)

    @property
    def may_be_cancelled(self) -> bool:
        """Whether a mail of it waits that has not begun, and was not in doubt before."""
        if self.phase is None or self.phase is Phase.DATA:
            return False
        is_unsent = self.sent_at is None and self.reason != RESTORED
        return self.purpose is not Purpose.FIRST or is_unsent

    def may_be_sent_again(self, now: datetime) -> bool:
        """Whether it was tried, and can be answered at `now`; no other mail of it is under way.

        A reminder gives way until its content leaves.
        """
        is_over = self.deadline is not None and self.deadline <= now
        was_tried = self.status not in (Status.SCHEDULED, Status.DROPPED)
        gives_way = self.purpose is Purpose.REMINDER and self.phase is not Phase.DATA
        return was_tried and (self.phase is None or gives_way) and not is_over


async def read_upcoming(tx: Tx, mail_from: str, after: Place, limit: int) -> list[Send]:
    """Return at most `limit` mails that wait or are held, in the order of release, then id.

    `mail_from`: the sender of campaigns that name none.
    """
    rows = await tx.fetch(_LIST, tx.account, after.release, after.invitation, limit)
    return await _foretold(tx, mail_from, rows)


async def read_send(tx: Tx, mail_from: str, invitation: UUID) -> Send | None:
    """Return one survey, in the queue or not; None where the account has none of this id."""
    rows = await tx.fetch(_ONE, tx.account, invitation)
    return next(iter(await _foretold(tx, mail_from, rows)), None)


async def _foretold(tx: Tx, mail_from: str, rows: Sequence[asyncpg.Record]) -> list[Send]:
    waiting = [row["invitation"] for row in rows if row["phase"] == Phase.WAITING]
    fates = await forecast(tx, mail_from, waiting)
    return [
        Send(
            **{
                **row,
                "status": Status(row["status"]),
                "phase": row["phase"] and Phase(row["phase"]),
                "purpose": row["purpose"] and Purpose(row["purpose"]),
            },
            fate=fates.get(row["invitation"]),
        )
        for row in rows
    ]
