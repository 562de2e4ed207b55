"""What planning writes: only what differs from what is stored, in a few statements a chunk.

Completions are one row for each round of a task that entered a finished state, read by programs in
order. The lock of a task's row protects its completion as it protects its history. Positions come
from a counter of the account that stays locked until the commit, so that positions are in the order
of commits: a reader that goes on from a position misses nothing. A completion that changes gets a
new position and is read again. None is ever deleted, even if the account later calls other states
finished.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct, field, structs

from mail.planning.history import TaskHistory
from mail.states import DISARM, MAKE, MOVE, REARM, WITHDRAW
from rules.history import FINISHED, first_entry
from sync.database import Tx
from sync.ids import new_id


class Decided(Struct, frozen=True):
    """A new or changed decision, as its row is. `release`: UTC, of a scheduled one only."""

    campaign: UUID
    transition: UUID
    task: UUID
    round: int
    outcome: str
    release: datetime | None


class Planned(Struct, frozen=True):
    """Whom an invitation asks, when and for which transition. `due`, `release`: UTC."""

    transition: UUID
    technician: UUID
    customer: UUID | None
    due: datetime
    release: datetime


class Changes(Struct, frozen=True):
    """What planning a chunk of tasks changes.

    `made`: new invitations, by (campaign, version, task, round). `moved`: scheduled ones that are
    for another transition now, or due at another time. `rearmed`: dropped ones that wait again.
    `withdrawn`: scheduled ones to delete. `disarmed`: re-armed ones to drop again, with the
    transition and the reason of their earlier drop.
    """

    decided: list[Decided] = field(default_factory=list)
    made: list[tuple[UUID, int, UUID, int, Planned]] = field(default_factory=list)
    moved: list[tuple[UUID, Planned]] = field(default_factory=list)
    rearmed: list[tuple[UUID, Planned]] = field(default_factory=list)
    withdrawn: list[UUID] = field(default_factory=list)
    disarmed: list[tuple[UUID, UUID, str]] = field(default_factory=list)


#: At the time after the campaigns were locked, as a version is saved: what one decides is later.
_DECIDE: Final = """
INSERT INTO decision
  (account, campaign, transition, task, round, outcome, release, decided_at)
SELECT $1, new.campaign, new.transition, new.task, new.round, new.outcome, new.release,
  (SELECT retour_now())
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::integer[], $6::text[], $7::timestamptz[])
  AS new (campaign, transition, task, round, outcome, release)
ON CONFLICT (account, campaign, transition) DO UPDATE
SET round = excluded.round, outcome = excluded.outcome, release = excluded.release,
  decided_at = excluded.decided_at
"""

_MAKE: Final = MAKE.sql("""
INSERT INTO invitation (account, id, campaign, version, kind, task, round, transition, technician,
  customer, manual, status, due, release, address_by_technician, created_at)
SELECT $1, new.id, new.campaign, new.version, 'task', new.task, new.round, new.transition,
  new.technician, new.customer, false, {status}, new.due, new.release, false, $2
FROM unnest($3::uuid[], $4::uuid[], $5::integer[], $6::uuid[], $7::integer[], $8::uuid[],
    $9::uuid[], $10::uuid[], $11::timestamptz[], $12::timestamptz[])
  AS new (id, campaign, version, task, round, transition, technician, customer, due, release)
""")

_ENQUEUE_MADE: Final = MAKE.sql("""
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent)
SELECT $1, new.id, new.release, new.release, {phase}, {purpose}, 0, false
FROM unnest($2::uuid[], $3::timestamptz[]) AS new (id, release)
""")
#: One that was claimed before goes on after its attempts: late writes of those change nothing.
_ENQUEUE_REARMED: Final = REARM.sql("""
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent)
SELECT $1, new.id, new.release, new.release, {phase}, {purpose}, e.attempt, false
FROM unnest($2::uuid[], $3::timestamptz[]) AS new (id, release)
CROSS JOIN LATERAL (
  SELECT coalesce(max(attempt), 0) AS attempt FROM mail_event
  WHERE account = $1 AND invitation = new.id) e
""")

#: Here and below only what was never claimed is changed: it cannot have been sent. The condition
#: on the array makes the planner use the key; for the join alone it may read a whole account.
_MOVE: Final = MOVE.sql("""
WITH moved AS (
  UPDATE invitation i
  SET transition = new.transition, technician = new.technician, customer = new.customer,
    due = new.due, release = new.release
  FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[],
      $7::timestamptz[])
    AS new (id, transition, technician, customer, due, release)
  WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = new.id
    AND i.status IN ({from_statuses}) AND i.address IS NULL
  RETURNING i.id, i.release
)
UPDATE outbox o SET release = moved.release, not_before = moved.release
FROM moved WHERE o.account = $1 AND o.invitation = moved.id
""")

#: What an earlier attempt fixed is fixed anew.
_REARM: Final = REARM.sql("""
UPDATE invitation i
SET status = {status}, reason = NULL, transition = new.transition,
  technician = new.technician, customer = new.customer, due = new.due, release = new.release,
  address = NULL, typed_address = NULL, address_field = NULL, address_by_technician = false,
  language = NULL
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[])
  AS new (id, transition, technician, customer, due, release)
WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = new.id
  AND i.status = {Status.DROPPED}
""")

_WITHDRAW: Final = WITHDRAW.sql("""
DELETE FROM invitation
WHERE account = $1 AND id = ANY($2) AND status IN ({from_statuses}) AND address IS NULL
""")

_DISARM: Final = DISARM.sql("""
WITH disarmed AS (
  UPDATE invitation i
  SET status = {status}, transition = t.id, technician = t.technician, customer = t.customer,
    reason = new.reason
  FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS new (id, transition, reason)
  JOIN transition t ON t.account = $1 AND t.id = new.transition
  WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = new.id
    AND i.status IN ({from_statuses}) AND i.address IS NULL
  RETURNING i.id
)
DELETE FROM outbox o USING disarmed WHERE o.account = $1 AND o.invitation = disarmed.id
""")


#: The codes of finished states, in each row beside a completion, or in one row where none exists.
_KNOWN_COMPLETIONS: Final = """
SELECT s.finished, c.task, c.round, c.transition, c.moment
FROM (SELECT array_agg(code) AS finished FROM state WHERE account = $1 AND kind = ANY($2)) s
LEFT JOIN completion c ON c.account = $1 AND c.task = ANY($3)
"""

#: A drop marks the hour of a completion that it sees: it commits before this one, or waits for it.
_LOCK_DECISIONS: Final = """
SELECT FROM decision WHERE account = $1 AND task = ANY($2)
ORDER BY campaign, transition FOR SHARE
"""

#: Python computes the days: PostgreSQL may be built without deprecated names of zones.
_ZONES: Final = """
SELECT t.id AS task, coalesce(l.zone, a.zone) AS zone
FROM task t JOIN account a ON a.account = t.account
LEFT JOIN location l ON (l.account, l.id) = (t.account, t.location)
WHERE t.account = $1 AND t.id = ANY($2)
"""

_COMPLETE: Final = """
WITH head AS (
  INSERT INTO completion_head AS h (account, position) VALUES ($1, $2)
  ON CONFLICT (account) DO UPDATE SET position = h.position + excluded.position
  RETURNING position - $2 AS base
)
INSERT INTO completion (account, task, round, transition, moment, day, type, customer, location,
  unit, priority, reason, channel, account_manager, tags, customer_tags, technician, position)
SELECT $1, t.task, entry.round, t.id, entry.moment, entry.day, t.type, t.customer, t.location,
  t.unit, t.priority, t.reason, t.channel, t.account_manager, t.tags, t.customer_tags,
  t.technician, head.base + entry.place
FROM head, unnest($3::integer[], $4::uuid[], $5::timestamptz[], $6::date[])
  WITH ORDINALITY AS entry (round, transition, moment, day, place)
JOIN transition t ON t.account = $1 AND t.id = entry.transition
ON CONFLICT (account, task, round) DO UPDATE
SET transition = excluded.transition, moment = excluded.moment, day = excluded.day,
  type = excluded.type, customer = excluded.customer, location = excluded.location,
  unit = excluded.unit, priority = excluded.priority, reason = excluded.reason,
  channel = excluded.channel, account_manager = excluded.account_manager,
  tags = excluded.tags, customer_tags = excluded.customer_tags,
  technician = excluded.technician, position = excluded.position
"""


async def write(tx: Tx, changes: Changes) -> None:
    """Write `changes` of tasks whose rows and waiting invitations are locked."""
    if changes.decided:
        decided = zip(*map(structs.astuple, changes.decided), strict=True)
        await tx.execute(_DECIDE, tx.account, *decided)
    if changes.made:
        made = [(new_id(), *key, *structs.astuple(planned)) for *key, planned in changes.made]
        await tx.execute(_MAKE, tx.account, tx.now, *zip(*made, strict=True))
        waiting = [(invitation, release) for invitation, *_, release in made]
        await tx.execute(_ENQUEUE_MADE, tx.account, *zip(*waiting, strict=True))
    if changes.moved:
        moved = [(invitation, *structs.astuple(planned)) for invitation, planned in changes.moved]
        await tx.execute(_MOVE, tx.account, *zip(*moved, strict=True))
    if changes.rearmed:
        rows = [(invitation, *structs.astuple(planned)) for invitation, planned in changes.rearmed]
        await tx.execute(_REARM, tx.account, *zip(*rows, strict=True))
        waiting = [(invitation, planned.release) for invitation, planned in changes.rearmed]
        await tx.execute(_ENQUEUE_REARMED, tx.account, *zip(*waiting, strict=True))
    if changes.withdrawn:
        await tx.execute(_WITHDRAW, tx.account, changes.withdrawn)
    if changes.disarmed:
        await tx.execute(_DISARM, tx.account, *zip(*changes.disarmed, strict=True))


async def write_completions(tx: Tx, histories: Iterable[TaskHistory]) -> None:
    """Write the completions that are new or changed, of tasks whose rows are locked.

    Called last, because it locks the counter. The day of a completion is that of its moment in
    the location's zone, else the account's.
    """
    rounds = {(history.task, history.round): history.transitions for history in histories}
    tasks = list({task for task, _ in rounds})
    kinds = [kind.value for kind in FINISHED]
    rows = await tx.fetch(_KNOWN_COMPLETIONS, tx.account, kinds, tasks)
    finished = rows[0]["finished"] or ()
    known = {(row["task"], row["round"]): (row["transition"], row["moment"]) for row in rows}
    changed = {}
    for of_round, transitions in rounds.items():
        entry = first_entry(transitions, finished)
        if entry is not None and known.get(of_round) != (entry.id, entry.moment):
            changed[of_round] = entry
    if not changed:
        return
    tasks = list({task for task, _ in changed})
    await tx.fetch(_LOCK_DECISIONS, tx.account, tasks)
    found = await tx.fetch(_ZONES, tx.account, tasks)
    zones = {row["task"]: ZoneInfo(row["zone"]) for row in found}
    entries = [
        (number, entry.id, entry.moment, entry.moment.astimezone(zones[task]).date())
        for (task, number), entry in changed.items()
    ]
    columns = zip(*entries, strict=True)
    await tx.execute(_COMPLETE, tx.account, len(entries), *columns)
