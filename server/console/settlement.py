"""What accepting a refused transition would do, and what became of one that somebody settled."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail.planning.history import facts_of
from rules.address import normal_form
from rules.history import Transition
from server.console.consequences import Consequence, Supposed, read_consequence, suppose
from server.console.outcome import read_stored_survey
from server.console.refused_list import Refusal
from server.console.state_labels import StateChip, chip
from sync.database import Tx


class Prospect(Struct, frozen=True):
    """What accepting a refused transition does.

    `moves_task`: the task comes to its state; else a later step stands. `task_state`: the one that
    the task is in then.
    """

    moves_task: bool
    task_state: StateChip
    consequence: Consequence


class Settled(Struct, frozen=True, kw_only=True):
    """A refused transition that a dispatcher has just asked to settle.

    `verdict`: `accepted`, `dismissed`, or `refused` where it could not be accepted. `moment`: when
    it counts. `at`: when it was accepted after all, None for at once. `by`: who did so, None for a
    program. `consequence`, `task_state`: of an accepted one.
    """

    task: UUID
    title: str | None
    verdict: str
    state: StateChip | None
    technician: str
    moment: datetime | None
    at: datetime | None
    by: str | None
    consequence: Consequence | None
    task_state: StateChip | None


_SETTLED: Final = """
SELECT coalesce(n.task, n.pushed_task) AS task, t.title, n.moment, u.name AS technician,
  CASE WHEN n.verdict = 'accepted' THEN n.settled_at END AS accepted_at, p.name AS accepted_by,
  CASE WHEN n.dismissed_at IS NULL THEN n.verdict ELSE 'dismissed' END AS verdict,
  s.code AS state, s.name AS state_name, s.names AS state_names, s.kind AS state_kind
FROM transition n
JOIN app_user u ON u.account = n.account AND u.id = n.technician
LEFT JOIN app_user p ON p.account = n.account AND p.id = n.settled_by
LEFT JOIN task t ON t.account = n.account AND t.id = coalesce(n.task, n.pushed_task)
LEFT JOIN state s ON s.account = n.account AND s.code = coalesce(n.state, n.body ->> 'state')
WHERE n.account = $1 AND n.id = $2
"""
_TASK: Final = """
SELECT t.type, t.state_moment, t.unit, t.priority, t.reason, t.channel, t.account_manager, t.tags,
  coalesce(c.tags, '{}') AS customer_tags,
  t.state, s.name AS state_name, s.names AS state_names, s.kind AS state_kind
FROM task t JOIN state s ON s.account = t.account AND s.code = t.state
LEFT JOIN customer c ON (c.account, c.id) = (t.account, t.customer)
WHERE t.account = $1 AND t.id = $2
"""


async def read_prospect(tx: Tx, mail_from: str, refusal: Refusal, language: str) -> Prospect | None:
    """What accepting `refusal` would do now; None where it cannot be accepted."""
    row = await tx.fetchrow(_TASK, tx.account, refusal.task)
    if row is None or refusal.obstacle:
        return None
    body = refusal.body
    step = Transition(
        id=refusal.id,
        type=row["type"],
        state=body.state,
        moment=body.moment,
        sequence=body.sequence,
        received=tx.now,
        survey=body.survey,
        facts=facts_of(row),
    )
    moves_task = body.moment >= row["state_moment"]
    state = refusal.state if moves_task else chip(row, language)
    captured = None if normal_form(body.email) is None else body.email
    supposed = Supposed(step, state.code, captured)
    consequence = await suppose(tx, mail_from, refusal.task, supposed)
    return Prospect(moves_task, state, consequence)


async def read_settled(tx: Tx, mail_from: str, transition: str, language: str) -> Settled | None:
    """What became of `transition`, an id as text; None where there is none."""
    try:
        key = UUID(transition)
    except ValueError:
        return None
    row = await tx.fetchrow(_SETTLED, tx.account, key)
    if row is None:
        return None
    task, consequence, state = row["task"], None, None
    if row["verdict"] == "accepted":
        stored = await read_stored_survey(tx, task)
        consequence = await read_consequence(tx, mail_from, task, stored, key)
        found = await tx.fetchrow(_TASK, tx.account, task)
        state = None if found is None else chip(found, language)
    return Settled(
        task=task,
        title=row["title"],
        verdict=row["verdict"],
        state=None if row["state_names"] is None else chip(row, language),
        technician=row["technician"],
        moment=row["moment"],
        at=row["accepted_at"],
        by=row["accepted_by"],
        consequence=consequence,
        task_state=state,
    )
