"""Counting completed tasks by day, campaign, unit and outcome, whenever a day has changed.

A completed task is a completion: a task and a round. It counts on the civil day of its moment in
the account's zone, in the unit that its transition froze, once for each campaign that decided about
the round: by the decision on the transition that the campaign's invitation is about, else by the
first that is not `not_first`. It counts once more for all campaigns together (`ALL`): asked if any
of them asked, else by the reason of the one that came closest, else `no_campaign`.

Days are counted anew as a whole, never added to.
"""

from typing import Final
from uuid import UUID

from mail.ledger.days import days_of_hours, end_of, read_zone, start_of
from mail.ledger.outcomes import CLOSEST_LAST, NO_CAMPAIGN
from mail.queues import process_due, queue_in
from rules.decide import Reason
from sync.database import Tx

#: In the place of a campaign: all of them together.
ALL: Final = UUID(int=0)

QUEUE: Final = queue_in("ledger_change", "ledger", "id", then="hour")

#: Nobody waits for it: whoever has it counts what is due, and the clock rings again.
_ALONE: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('ledger', $1))"

_HOURS: Final = "SELECT hour FROM ledger_change WHERE account = $1 AND id = ANY($2)"

#: The marks that these days settle. One that is locked belongs to a change that is not committed
#: yet, and stays.
_LOCK: Final = """
SELECT c.id
FROM ledger_change c
WHERE c.account = $1 AND (c.id = ANY($2) OR EXISTS (
  SELECT FROM unnest($3::timestamptz[], $4::timestamptz[]) AS d (start_at, end_at)
  WHERE c.hour >= d.start_at AND c.hour + interval '1 hour' <= d.end_at))
  AND c.hour >= $5 AND c.hour < $6
ORDER BY c.id
FOR UPDATE SKIP LOCKED
"""

_CLEAR: Final = "DELETE FROM ledger_count WHERE account = $1 AND day = ANY($2)"

_COUNT: Final = f"""
WITH done AS (
  SELECT d.day, c.task, c.round, c.unit
  FROM unnest($2::date[], $3::timestamptz[], $4::timestamptz[]) AS d (day, start_at, end_at)
  CROSS JOIN LATERAL (
    SELECT task, round, unit FROM completion
    WHERE account = $1 AND moment >= d.start_at AND moment < d.end_at) c
), stands AS MATERIALIZED (
  SELECT DISTINCT ON (t.day, t.task, t.round, d.campaign)
    t.day, t.task, t.round, t.unit, d.campaign, d.outcome
  FROM done t
  LEFT JOIN LATERAL (
    SELECT campaign, transition, outcome, moment FROM decision
    WHERE account = $1 AND task = t.task AND round = t.round) d ON true
  LEFT JOIN LATERAL (
    SELECT transition FROM invitation
    WHERE account = $1 AND campaign = d.campaign AND task = t.task AND round = t.round LIMIT 1
  ) i ON true
  ORDER BY t.day, t.task, t.round, d.campaign, i.transition IS NOT DISTINCT FROM d.transition DESC,
    d.outcome = '{Reason.NOT_FIRST}', d.moment, d.transition
), together AS (
  SELECT DISTINCT ON (day, task, round) day, unit, outcome
  FROM stands
  ORDER BY day, task, round, coalesce(array_position($5::text[], outcome), 0) DESC
)
INSERT INTO ledger_count (account, day, campaign, unit, outcome, tasks)
SELECT $1, day, campaign, unit, outcome, count(*) FROM stands
WHERE campaign IS NOT NULL GROUP BY day, campaign, unit, outcome
UNION ALL
SELECT $1, day, $6, unit, coalesce(outcome, '{NO_CAMPAIGN}'), count(*) FROM together
GROUP BY day, unit, coalesce(outcome, '{NO_CAMPAIGN}')
"""  # noqa: S608 - our own text

_DEQUEUE: Final = "DELETE FROM ledger_change WHERE account = $1 AND id = ANY($2)"


async def count_due(limit: int = 500) -> int:
    """Count the days of at most `limit` changed hours of all accounts; how many were settled.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    return await process_due(QUEUE, limit, count)


async def count(tx: Tx, changes: list[UUID]) -> int:
    """Count the days of `changes` anew, and return how many changes that settled."""
    if not await tx.fetchval(_ALONE, tx.account):
        return 0
    hours = [row["hour"] for row in await tx.fetch(_HOURS, tx.account, changes)]
    if not hours:
        return 0
    zone = await read_zone(tx)
    days = days_of_hours(hours, zone)
    starts = [start_of(day, zone) for day in days]
    ends = [end_of(day, zone) for day in days]
    whole = (starts, ends, starts[0], ends[-1])
    locked = [row["id"] for row in await tx.fetch(_LOCK, tx.account, changes, *whole)]
    await tx.execute(_CLEAR, tx.account, days)
    await tx.execute(_COUNT, tx.account, days, starts, ends, list(CLOSEST_LAST), ALL)
    await tx.execute(_DEQUEUE, tx.account, locked)
    return len(locked)
