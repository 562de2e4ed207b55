"""Deciding: what planning a transition costs when an account has 10, and 10,000 campaigns."""

from typing import Any, Final

from msgspec.structs import astuple

from mail.campaigns.criteria import CriteriaNamed
from mail.campaigns.formats import Stored, split
from mail.planning.plan import plan_due
from sync.ids import new_id
from tests.bench.ground import LONG_AGO, Ground
from tests.bench.measuring import Line, Work, in_turns
from tests.bench.rounds import queue_again
from tests.support.surveys import survey

FEW, MANY = 10, 10_000
#: Campaigns that select the state the tasks enter; the same number however many others are there.
MATCHING: Final = 2
TASKS: Final = 1000

CAMPAIGNS: Final = """
INSERT INTO campaign (account, id, name, status, version, activated_at, created_at)
SELECT $1, id, 'Campaign', 'active', 1, $3, $3 FROM unnest($2::uuid[]) AS id
"""
VERSIONS: Final = """
INSERT INTO campaign_version (account, campaign, version, rules, content, format, created_at)
SELECT $1, id, 1, rules, content, format, $6
FROM unnest($2::uuid[], $3::jsonb[], $4::jsonb[], $5::smallint[]) AS c(id, rules, content, format)
"""
REVISION: Final = "INSERT INTO campaign_set (account, revision) VALUES ($1, 1)"

HISTORY: Final = """
INSERT INTO transition (account, id, digest, arrived_at, verdict, task, state, moment, sequence,
  device_moment, received_at, technician, survey, unexpected, type, unit, tags, customer_tags)
SELECT $1, gen_random_uuid(), '', now(), 'accepted', t.id, s.state, now(), place, now(), now(), $3,
  true, false, t.type, $4, '{}', '{}'
FROM task t, unnest(ARRAY['300', '600']) WITH ORDINALITY AS s(state, place)
WHERE t.account = $1 AND t.id = ANY($2::uuid[])
"""
#: What intake keeps on the task: its last transition.
FOLD: Final = """
UPDATE task SET state = t.state, state_moment = t.moment, state_transition = t.id
FROM transition t
WHERE task.account = $1 AND t.account = $1 AND t.task = task.id AND t.sequence = 2
"""


async def add_campaigns(owner: Any, ground: Ground, count: int, **fields: Any) -> None:
    """`count` active campaigns, of which `MATCHING` are on 600 and the rest on another state.

    `fields`: of their definitions, that are others than usual.
    """
    ids = [new_id() for _ in range(count)]
    said = {state: _said(ground, state, fields) for state in ("600", "700")}
    versions = [said["600" if place < MATCHING else "700"] for place in range(count)]
    await owner.execute(CAMPAIGNS, ground.account, ids, LONG_AGO)
    parts = zip(*map(astuple, versions), strict=True)
    await owner.execute(VERSIONS, ground.account, ids, *parts, LONG_AGO)
    await owner.execute(REVISION, ground.account)


def _said(ground: Ground, state: str, fields: dict[str, Any]) -> Stored:
    """With criteria that the tasks meet."""
    criteria = CriteriaNamed(units=[ground.unit])
    return split(survey(ground.task_type, [state], "How was it?", criteria=criteria, **fields))


async def add_history(owner: Any, ground: Ground, size: int = TASKS) -> None:
    """Two transitions for each of the first `size` tasks."""
    crew = ground.crews[0]
    tasks, technician = crew.tasks[:size], crew.device.technician
    await owner.execute(HISTORY, ground.account, tasks, technician, ground.unit)
    await owner.execute(FOLD, ground.account)


def work(owner: Any, ground: Ground) -> tuple[Work, Work]:
    """Preparing a round, and the round."""
    tasks = ground.crews[0].tasks[:TASKS]

    async def prepare() -> int:
        await queue_again(owner, ground, tasks)
        return 0

    async def run() -> int:
        planned = 0
        while done := await plan_due():
            planned += done
        return planned

    return prepare, run


async def measure(owner: Any, few: Ground, many: Ground) -> list[Line]:
    """The line of deciding. `few` and `many` have one crew each."""
    for ground, count in ((few, FEW), (many, MANY)):
        await add_campaigns(owner, ground, count)
        await add_history(owner, ground)
    await owner.execute("ANALYZE")
    prepare_few, run_few = work(owner, few)
    prepare_many, run_many = work(owner, many)
    turns = await in_turns(
        run_few, run_many, prepare_first=prepare_few, prepare_second=prepare_many
    )
    return [
        Line(
            f"deciding, campaigns {FEW} -> {MANY:,}",
            f"{turns.second:,.0f} tasks/s with {MANY:,}",
            f"{turns.first:,.0f} tasks/s with {FEW}",
            turns.ratio,
            1.2,
            at_least=False,
        )
    ]
