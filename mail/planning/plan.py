"""Planning: from the whole history of changed tasks to decisions, invitations and completions.

Planning a task again gives the same and then writes nothing, so it may be asked for at any time.
A task's row lock guards its history, its decisions and its entry in the queue; the claim of an
invitation meanwhile is kept out by the locks of `mail.planning.history`.
"""

from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

from msgspec.structs import astuple

from mail.campaigns.cache import CampaignSet, VersionKey, load, pinned
from mail.campaigns.definition import to_rules
from mail.planning.completions import complete
from mail.planning.history import Asked, Past, read_asked, read_histories
from mail.planning.writes import Changes, Decided, Planned, write
from mail.positions import MOVED
from mail.queues import Queue, work_off
from mail.states import Status as Asking
from rules.campaign import Campaign, Status
from rules.decide import FRESH, Decision, Round, Schedule, decide
from rules.history import ordered
from sync.database import Tx

QUEUE: Final = Queue(
    name="plan",
    due="""
    SELECT account, task FROM task_change
    WHERE quarantined_at IS NULL AND not_before <= $1
    ORDER BY not_before LIMIT $2
    """,
    failed="""
    UPDATE task_change SET attempts = attempts + 1, error = $4,
      not_before = $3::timestamptz + interval '5 seconds' * power(4, attempts),
      quarantined_at = CASE WHEN attempts + 1 >= $5 THEN $3::timestamptz END
    WHERE account = $1 AND task = $2
    """,
)

_LOCK: Final = """
SELECT id
FROM task WHERE account = $1 AND id = ANY($2)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
"""

#: The outcome of a decision to ask; others are reasons why not.
SCHEDULED: Final = "scheduled"

_DONE: Final = "DELETE FROM task_change WHERE account = $1 AND task = ANY($2)"


async def plan_due(limit: int = 500) -> int:
    """Plan at most `limit` changed tasks of all accounts; how many were planned.

    :raises OSError, asyncpg.PostgresError: the database cannot be used at the moment.
    """
    return await work_off(QUEUE, limit, plan)


async def plan(tx: Tx, tasks: list[UUID]) -> int:
    """Plan those of `tasks` that nobody else has locked; how many those were."""
    campaigns = await load(tx, lock=True)
    locked = await tx.fetch(_LOCK, tx.account, tasks)
    pasts = await read_histories(tx, [row["id"] for row in locked])
    concerned = [past for past in pasts if _concerned(past, campaigns)]
    if concerned:
        await read_asked(tx, concerned)
    changes = await _changes(tx, campaigns, concerned)
    await write(tx, changes)
    await tx.execute(_DONE, tx.account, [past.task for past in pasts])
    await complete(tx, pasts)
    if any(astuple(changes)):
        tx.last.add(MOVED)
    return len(pasts)


def _concerned(past: Past, campaigns: CampaignSet) -> bool:
    return any(campaigns.index.matching(task_type) for task_type in {t.type for t in past.history})


async def _changes(tx: Tx, campaigns: CampaignSet, pasts: Iterable[Past]) -> Changes:
    versions = await _pinned_versions(tx, campaigns, pasts)
    changes = Changes()
    for past in pasts:
        for campaign in _campaigns_of(past, campaigns):
            asked = past.asked.get(campaign.id)
            version = versions.get((campaign.id, asked.version), campaign) if asked else campaign
            _compare(past, asked, campaign, version, changes)
    return changes


async def _pinned_versions(
    tx: Tx, campaigns: CampaignSet, pasts: Iterable[Past]
) -> dict[VersionKey, Campaign]:
    """Invitations are decided on by the version they were scheduled with, where it is not ours."""
    newest = campaigns.campaigns
    asked = [(one.campaign, one.version) for past in pasts for one in past.asked.values()]
    older = {key for key in asked if key[0] in newest and newest[key[0]].version != key[1]}
    if not older:
        return {}
    return {
        key: to_rules(*key, said.rules, now.status, now.activated_at, now.pauses)
        for key, said in (await pinned(tx, older)).items()
        for now in (newest[key[0]],)
    }


def _campaigns_of(past: Past, campaigns: CampaignSet) -> Iterator[Campaign]:
    """The live campaigns that the task's history enters, or that already asked for it."""
    found: dict[UUID, Campaign] = {}
    for task_type, state in {(one.type, one.state) for one in past.history}:
        for campaign in campaigns.index.for_transition(task_type, state):
            found[campaign.id] = campaign
    for campaign_id in past.asked:
        known = campaigns.campaigns.get(campaign_id)
        if known is not None and known.status is not Status.ARCHIVED:
            found[campaign_id] = known
    yield from found.values()


def _compare(
    past: Past, asked: Asked | None, newest: Campaign, version: Campaign, changes: Changes
) -> None:
    """Add to `changes` how deciding anew differs from what is there."""
    decisions = _decisions(past, asked, newest, version)
    known = past.decided.get(newest.id, {})
    planned: Planned | None = None
    for transition, decision in decisions.items():
        if isinstance(decision, Schedule):
            outcome, release = SCHEDULED, decision.release
            planned = planned or _planned(past, transition, decision)
        else:
            outcome, release = decision.reason.value, None
        if known.get(transition) != outcome or _shifted(asked, decision):
            one = Decided(newest.id, transition, past.task, outcome, release)
            changes.decided.append(one)
    if asked is not None:
        _compare_asked(past, asked, planned, changes)
    elif planned is not None:
        changes.made.append((newest.id, newest.version, past.task, planned))


def _planned(past: Past, transition: UUID, decision: Schedule) -> Planned:
    technician, customer = past.technicians[transition], past.customers.get(transition)
    return Planned(transition, technician, customer, decision.due, decision.release)


def _decisions(
    past: Past, asked: Asked | None, newest: Campaign, version: Campaign
) -> dict[UUID, Decision]:
    if asked is None:
        return decide(past.history, newest, FRESH)
    dropped = past.dropped(newest.id)
    stands = asked.status not in (Asking.SCHEDULED, Asking.DROPPED)
    round_ = Round(asked.transition if stands else None, dropped, asked.rearm_after)
    decisions = decide(past.history, version, round_)
    if version is newest:
        return decisions
    # States that the campaign came to select later get their decision; the invitation's stand.
    used_up = Round(asked.transition, dropped, None)
    return decide(past.history, newest, used_up) | decisions


def _compare_asked(past: Past, asked: Asked, planned: Planned | None, changes: Changes) -> None:
    if asked.status is Asking.DROPPED:
        if planned is not None:
            changes.rearmed.append((asked.id, planned))
    elif asked.status is Asking.SCHEDULED:
        if planned is None:
            _take_back(past, asked, changes)
        elif (planned.transition, planned.due, planned.release) != (
            asked.transition,
            asked.due,
            asked.release,
        ):
            changes.moved.append((asked.id, planned))


def _take_back(past: Past, asked: Asked, changes: Changes) -> None:
    """A first scheduling leaves no trace; a re-armed one falls back to how it was dropped."""
    dropped = past.dropped(asked.campaign)
    last = next((one for one in reversed(ordered(past.history)) if one.id in dropped), None)
    if last is None:
        changes.withdrawn.append(asked.id)
    else:
        changes.disarmed.append((asked.id, last.id, dropped[last.id].value))


def _shifted(asked: Asked | None, decision: Decision) -> bool:
    """Whether a waiting invitation goes at another time: a late step moved the one it is for."""
    return (
        asked is not None
        and asked.status is Asking.SCHEDULED
        and isinstance(decision, Schedule)
        and decision.transition == asked.transition
        and (decision.due, decision.release) != (asked.due, asked.release)
    )
