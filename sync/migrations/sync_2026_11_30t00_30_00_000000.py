"""Tasks get the state that their history gives them now that a device's sequence holds.

Whoever told the steps of a task while its clock was set back left it in the state of an earlier
one; so did a clock that was ahead of the reception. Timelines are put in order as they are read.
What a task says of itself was written when the last step came, and devices have it from there.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T00:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "states of tasks whose device told its steps with a wrong clock"

#: Histories are put in order by two passes of windows, as `rules.history` does it: no step of a
#: device counts later than it or a later one was received, nor earlier than one before it. Nearly
#: all are in step, which one pass tells.
FOLD: Final = """
WITH out_of_step AS (
  SELECT DISTINCT account, task FROM (
    SELECT account, task, moment > received_at OR moment < max(moment) OVER (
      PARTITION BY account, task, device ORDER BY sequence
      RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS moved
    FROM transition WHERE verdict = 'accepted' AND device IS NOT NULL
  ) AS step WHERE moved
), capped AS (
  SELECT account, task, id, state, sequence, device, CASE WHEN device IS NULL THEN moment ELSE
    least(moment, received_at, min(received_at) OVER (PARTITION BY account, task, device
      ORDER BY sequence RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)) END AS moment
  FROM transition JOIN out_of_step USING (account, task)
), placed AS (
  SELECT account, task, id, state, sequence, CASE WHEN device IS NULL THEN moment ELSE
    greatest(moment, max(moment) OVER (PARTITION BY account, task, device
      ORDER BY sequence RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) END AS moment
  FROM capped
), last AS (
  SELECT DISTINCT ON (account, task) account, task, id, state, moment FROM placed
  ORDER BY account, task, moment DESC, sequence DESC, id DESC
), folded AS (
  UPDATE task t SET state = l.state, state_moment = l.moment, state_transition = l.id
  FROM last l
  WHERE (t.account, t.id) = (l.account, l.task)
    AND (t.state_transition, t.state_moment) IS DISTINCT FROM (l.id, l.moment)
  RETURNING t.account, t.id::text AS id
)
SELECT feed_touch(account, array_agg('task'::text), array_agg(id ORDER BY id), now())
FROM folded GROUP BY account;
"""


async def forwards() -> MigrationManager:
    """Fold them anew and move them in feeds, so that devices hear of it."""
    return executing(ID, "sync", DESCRIPTION, FOLD)
