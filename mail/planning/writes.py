"""What planning writes: only what differs from what is there, in a few statements a chunk."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, field, structs

from mail.planning.history import ROUND
from mail.states import DISARM, MAKE, MOVE, REARM, WITHDRAW
from sync.database import Tx
from sync.ids import new_id


class Decided(Struct, frozen=True):
    """A decision that is new or has changed, as its row says it.

    `release`: only of a scheduled one, UTC.
    """

    campaign: UUID
    transition: UUID
    task: UUID
    outcome: str
    release: datetime | None


class Planned(Struct, frozen=True):
    """When to ask whom for which transition, as rows say it. `due`, `release`: UTC."""

    transition: UUID
    technician: UUID
    customer: UUID | None
    due: datetime
    release: datetime


class Changes(Struct, frozen=True):
    """What a chunk of tasks comes to.

    `made`: (campaign, version, task) newly asked. `moved`: scheduled invitations that go for
    another transition, or at another time. `rearmed`: dropped ones that wait again.
    `withdrawn`: scheduled ones that must go. `disarmed`: re-armed ones that fall back to
    (transition, reason) of their drop.
    """

    decided: list[Decided] = field(default_factory=list)
    made: list[tuple[UUID, int, UUID, Planned]] = field(default_factory=list)
    moved: list[tuple[UUID, Planned]] = field(default_factory=list)
    rearmed: list[tuple[UUID, Planned]] = field(default_factory=list)
    withdrawn: list[UUID] = field(default_factory=list)
    disarmed: list[tuple[UUID, UUID, str]] = field(default_factory=list)


_DECIDE: Final = """
INSERT INTO decision
  (account, campaign, transition, task, round, outcome, release, decided_at)
SELECT $1, one.campaign, one.transition, one.task, $2, one.outcome, one.release, $3
FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::timestamptz[])
  AS one (campaign, transition, task, outcome, release)
ON CONFLICT (account, campaign, transition) DO UPDATE
SET outcome = excluded.outcome, release = excluded.release, decided_at = excluded.decided_at
"""

_MAKE: Final = MAKE.sql("""
INSERT INTO invitation (account, id, campaign, version, kind, task, round, transition, technician,
  customer, manual, status, due, release, address_by_technician, created_at)
SELECT $1, one.id, one.campaign, one.version, 'task', one.task, $2, one.transition,
  one.technician, one.customer, false, {status}, one.due, one.release, false, $3
FROM unnest($4::uuid[], $5::uuid[], $6::integer[], $7::uuid[], $8::uuid[], $9::uuid[],
    $10::uuid[], $11::timestamptz[], $12::timestamptz[])
  AS one (id, campaign, version, task, transition, technician, customer, due, release)
""")

_ENQUEUE: Final = """
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent)
SELECT $1, one.id, one.release, one.release, {phase}, {purpose}, 0, false
FROM unnest($2::uuid[], $3::timestamptz[]) AS one (id, release)
"""
_ENQUEUE_MADE: Final = MAKE.sql(_ENQUEUE)
_ENQUEUE_REARMED: Final = REARM.sql(_ENQUEUE)

#: Here and below: only what was never claimed, so that nobody can have had it. Looked up by the
#: array, too: by the join alone all invitations of an account may be read.
_MOVE: Final = MOVE.sql("""
WITH moved AS (
  UPDATE invitation i
  SET transition = one.transition, technician = one.technician, customer = one.customer,
    due = one.due, release = one.release
  FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[],
      $7::timestamptz[])
    AS one (id, transition, technician, customer, due, release)
  WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = one.id
    AND i.status IN ({from_statuses}) AND i.address IS NULL
  RETURNING i.id, i.release
)
UPDATE outbox o SET release = moved.release, not_before = moved.release
FROM moved WHERE o.account = $1 AND o.invitation = moved.id
""")

_REARM: Final = REARM.sql("""
UPDATE invitation i
SET status = {status}, reason = NULL, transition = one.transition,
  technician = one.technician, customer = one.customer, due = one.due, release = one.release
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[])
  AS one (id, transition, technician, customer, due, release)
WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = one.id
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
    reason = one.reason
  FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS one (id, transition, reason)
  JOIN transition t ON t.account = $1 AND t.id = one.transition
  WHERE i.account = $1 AND i.id = ANY($2::uuid[]) AND i.id = one.id
    AND i.status IN ({from_statuses}) AND i.address IS NULL
  RETURNING i.id
)
DELETE FROM outbox o USING disarmed WHERE o.account = $1 AND o.invitation = disarmed.id
""")


async def write(tx: Tx, changes: Changes) -> None:
    """Write `changes` of tasks whose rows, and whose waiting invitations, are locked."""
    if changes.decided:
        decided = zip(*map(structs.astuple, changes.decided), strict=True)
        await tx.execute(_DECIDE, tx.account, ROUND, tx.now, *decided)
    if changes.made:
        made = [(new_id(), *key, *structs.astuple(planned)) for *key, planned in changes.made]
        await tx.execute(_MAKE, tx.account, ROUND, tx.now, *zip(*made, strict=True))
        waiting = [(row[0], row[-1]) for row in made]
        await tx.execute(_ENQUEUE_MADE, tx.account, *zip(*waiting, strict=True))
    if changes.moved:
        moved = [(invitation, *structs.astuple(planned)) for invitation, planned in changes.moved]
        await tx.execute(_MOVE, tx.account, *zip(*moved, strict=True))
    if changes.rearmed:
        await _rearm(tx, changes.rearmed)
    if changes.withdrawn:
        await tx.execute(_WITHDRAW, tx.account, changes.withdrawn)
    if changes.disarmed:
        await tx.execute(_DISARM, tx.account, *zip(*changes.disarmed, strict=True))


async def _rearm(tx: Tx, rearmed: list[tuple[UUID, Planned]]) -> None:
    rows = [(invitation, *structs.astuple(planned)) for invitation, planned in rearmed]
    await tx.execute(_REARM, tx.account, *zip(*rows, strict=True))
    waiting = [(invitation, planned.release) for invitation, planned in rearmed]
    await tx.execute(_ENQUEUE_REARMED, tx.account, *zip(*waiting, strict=True))
