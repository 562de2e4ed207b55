"""An account with many completed tasks and what campaigns decided about them, by a few statements.

Keys between tables are not checked meanwhile, and triggers do not run: what is completed has no
task and no transition, which nothing that counts or lists decisions needs.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from mail.ledger.outcomes import OUTCOMES
from rules.decide import Reason
from tests.support.world import World

#: A completion each, spread evenly over the time; of the units each has a part.
COMPLETE: Final = """
INSERT INTO completion (account, task, round, transition, moment, day, type, unit, tags,
  customer_tags, technician, position)
SELECT $1, md5('task' || n)::uuid, 1, md5('first' || n)::uuid, at, at::date, $3,
  ($4::uuid[])[1 + n % cardinality($4)], '{}', '{}', $5, n
FROM generate_series(1, $2::bigint) AS n,
  LATERAL (SELECT $6::timestamptz - $7::interval * ((n * 7919 % $2) / $2::float) AS at) AS moments
"""
#: Three of four tasks, others for each campaign. `$4`: what is decided on their first step.
DECIDE: Final = """
INSERT INTO decision
  (account, campaign, transition, task, round, outcome, decided_at, moment, unit)
SELECT $1, $2, transition, task, round,
  CASE WHEN position % 7 = 0 THEN 'left_state'
    ELSE ($4::text[])[1 + (position * $3 / 8) % cardinality($4)] END, moment, moment, unit
FROM completion WHERE account = $1 AND (position + $3) % 4 <> 0
"""
#: Each seventh task came back, and is asked about the second time; each fifth went on.
DECIDE_AGAIN: Final = """
INSERT INTO decision
  (account, campaign, transition, task, round, outcome, decided_at, moment, unit)
SELECT $1, $2, md5('second' || position)::uuid, task, round,
  CASE WHEN position % 7 = 0 THEN 'scheduled' ELSE 'not_first' END, moment,
  moment + interval '1 hour', unit
FROM completion
WHERE account = $1 AND (position + $3) % 4 <> 0 AND (position % 7 = 0 OR position % 5 = 0)
"""
INVITE: Final = """
INSERT INTO invitation (account, id, campaign, version, kind, task, round, transition, technician,
  manual, status, due, release, address_by_technician, created_at)
SELECT d.account, gen_random_uuid(), d.campaign, 1, 'task', d.task, d.round, d.transition, $3,
  false, 'scheduled', d.moment, d.moment, false, d.moment
FROM decision d WHERE d.account = $1 AND d.campaign = $2 AND d.outcome = 'scheduled'
"""
MARK: Final = "SELECT mark_ledger($1, array_agg(moment)) FROM completion WHERE account = $1"


async def lay_ledger(
    owner: Any, world: World, campaigns: list[UUID], tasks: int, last: datetime, time: timedelta
) -> None:
    """So many tasks of `world` completed within `time` before `last`; each campaign decided.

    `owner`: a superuser's connection.
    """
    account = world.account
    units = [world.site, world.site, world.other_site, world.region]
    reasons = [outcome for outcome in OUTCOMES if outcome != Reason.NOT_FIRST]
    await owner.execute("SET session_replication_role = replica")
    laid = (account, tasks, world.service_call, units, world.alice, last, time)
    await owner.execute(COMPLETE, *laid)
    for number, campaign in enumerate(campaigns, 1):
        await owner.execute(DECIDE, account, campaign, number, reasons)
        await owner.execute(DECIDE_AGAIN, account, campaign, number)
        await owner.execute(INVITE, account, campaign, world.alice)
    await owner.execute("RESET session_replication_role")
    await owner.execute(MARK, account)
    await owner.execute("ANALYZE completion, decision, invitation, ledger_change")
