"""Surveys that somebody sends by hand: asked for now, about the last step of the task's last round.

Such a survey is its round's, as if planning had made it: it stands, and no other one replaces it.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail.campaigns.cache import load
from mail.planning.history import Invitation, TaskHistory, read_histories, read_planned
from mail.planning.plan import SCHEDULED, plan
from mail.planning.rounds import lock_task
from mail.planning.writes import Changes, Decided, Planned, write
from mail.positions import ADVANCE
from mail.states import Status as InvitationStatus
from rules.campaign import Campaign, Status
from rules.history import ordered
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import ConflictError, FieldError, UnknownReferenceError
from sync.records.tasks import add_sent_by_hand

#: By the newest version.
_MARK: Final = """
UPDATE invitation SET manual = true, limits_waived = $5, version = $6, rearm_transition = NULL
WHERE account = $1 AND campaign = $2 AND task = $3 AND round = $4
RETURNING id
"""

_EXPLAIN: Final = """
UPDATE decision SET requested_by = $4, request_reason = $5
WHERE account = $1 AND campaign = $2 AND transition = $3
"""

_ASKED: Final = """
SELECT i.id, i.campaign, i.round, i.status, i.release, i.limits_waived, i.manual,
  d.requested_by, d.request_reason
FROM invitation i
LEFT JOIN decision d
  ON d.account = i.account AND d.campaign = i.campaign AND d.transition = i.transition
WHERE i.account = $1 AND i.id = $2
"""


class Request(Struct, frozen=True):
    """What is asked for: a survey of `campaign`. `by`: a user, None for a program.

    `waive_limits`: neither mute window nor cap keeps it back.
    """

    campaign: UUID
    by: UUID | None
    reason: str
    waive_limits: bool


class Asked(Struct, frozen=True):
    """The survey of a round. `release`: UTC."""

    id: UUID
    campaign: UUID
    round: int
    status: InvitationStatus
    release: datetime


class AskedError(FieldError):
    """The round has a survey of the campaign already (409). `found`: which."""

    code = "asked"

    def __init__(self, found: Asked) -> None:
        super().__init__("campaign", "its survey of this round stands")
        self.found = found


class NotActiveError(FieldError):
    """The campaign is not active, or the account's sending is off (409)."""

    code = "not_active"

    def __init__(self) -> None:
        super().__init__("campaign", "is not active")


class NoStepError(ConflictError):
    """The task has no step in its last round, so there is nothing to ask about (409)."""

    code = "no_step"


async def send_by_hand(tx: Tx, task: UUID, request: Request) -> Asked:
    """Make the survey of the task's last round, due now; the same request again changes nothing.

    At release it is judged as any other one, but for the state of its task. Devices are told, so
    that they promise no other survey of the round.

    :raises MissingError: the account has no such task.
    :raises UnknownReferenceError: it has no such campaign.
    :raises NotActiveError, NoStepError, AskedError: see there.
    """
    await lock_task(tx, task)
    campaign = (await load(tx)).campaigns.get(request.campaign)
    if campaign is None:
        raise UnknownReferenceError("campaign", "no such campaign")
    if campaign.status is not Status.ACTIVE:
        raise NotActiveError
    await plan(tx, [task])
    histories = await read_histories(tx, [task])
    await read_planned(tx, histories)
    history = histories[-1]
    if not history.transitions:
        raise NoStepError("no step in this round")
    found = history.invitations.get(campaign.id)
    if found is not None and found.status is not InvitationStatus.DROPPED:
        return await _asked_before(tx, found, request)
    made = await _make(tx, history, campaign, found, request)
    asked = Asked(made, campaign.id, history.round, InvitationStatus.SCHEDULED, tx.now)
    after = {"campaign": campaign.id, "round": history.round, "reason": request.reason}
    after["limits_waived"] = request.waive_limits
    await record(tx, "survey.send", [AuditChange(f"task/{task}", None, after)])
    await add_sent_by_hand(tx, task, campaign.id)
    tx.last.add(ADVANCE)
    return asked


async def _asked_before(tx: Tx, found: Invitation, request: Request) -> Asked:
    """Return the survey that stands, where this very request made it.

    :raises AskedError: another one did, or planning.
    """
    row = await tx.fetchrow(_ASKED, tx.account, found.id)
    assert row is not None  # noqa: S101 - its task is locked
    asked = Asked(
        row["id"], row["campaign"], row["round"], InvitationStatus(row["status"]), row["release"]
    )
    made_by = Request(
        row["campaign"], row["requested_by"], row["request_reason"] or "", row["limits_waived"]
    )
    if not row["manual"] or made_by != request:
        raise AskedError(asked)
    return asked


async def _make(
    tx: Tx, history: TaskHistory, campaign: Campaign, dropped: Invitation | None, request: Request
) -> UUID:
    """Write the survey, or the one that was `dropped` anew, with its decision; return its id."""
    step = ordered(history.transitions)[-1].id
    planned = Planned(step, history.technicians[step], history.customers.get(step), tx.now, tx.now)
    changes = Changes()
    changes.decided.append(
        Decided(campaign.id, step, history.task, history.round, SCHEDULED, tx.now)
    )
    if dropped is None:
        changes.made.append((campaign.id, campaign.version, history.task, history.round, planned))
    else:
        changes.rearmed.append((dropped.id, planned))
    await write(tx, changes)
    key = (tx.account, campaign.id, history.task, history.round)
    made: UUID = await tx.fetchval(_MARK, *key, request.waive_limits, campaign.version)
    await tx.execute(_EXPLAIN, tx.account, campaign.id, step, request.by, request.reason)
    return made
