"""What becomes of a task's survey: as it waits, once it is planned, or with a supposed step."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from mail.delivery.forecast import Forecast, Leaves, Stays, Waits, forecast
from mail.delivery.stages import Unplanned
from mail.planning.plan import SCHEDULED, CampaignDecisions, preview
from mail.states import Status
from rules.decide import Reason, Schedule
from rules.history import Transition
from server.console.outcome import Survey, read_stored_survey
from sync.database import Tx
from sync.ids import new_id

_WAITING: Final = (Status.SCHEDULED, Status.CLAIMED)
#: What planning may still change, unless it was sent by hand.
_PLANNED: Final = (Status.SCHEDULED, Status.DROPPED)

#: Planning fails for what was tried before: its preview would, too.
_PENDING: Final = """
SELECT EXISTS (
  SELECT FROM task_change
  WHERE account = $1 AND task = $2 AND attempts = 0 AND quarantined_at IS NULL)
"""
_DECIDED: Final = "SELECT outcome FROM decision WHERE account = $1 AND transition = $2"


class Consequence(Struct, frozen=True):
    """What becomes of a task's survey. `survey`: None where nothing was decided about any.

    `outcomes`: what campaigns decided on one transition, where one was asked about.
    """

    survey: Survey | None
    outcomes: list[str]

    @property
    def asks(self) -> bool:
        """Whether the survey is about the transition itself."""
        return SCHEDULED in self.outcomes

    @property
    def reason(self) -> str:
        """Why the transition asks nobody; empty where it asks or no campaign concerns it."""
        return "" if self.asks else next(iter(self.outcomes), "")


class Supposed(Struct, frozen=True):
    """A step that a task might get, with the `state` that the task would be in then.

    `captured`: the valid address in it, which a customer without one would get.
    """

    step: Transition
    state: str
    captured: str | None


async def foresee(tx: Tx, mail_from: str, surveys: Iterable[Survey | None]) -> dict[UUID, Survey]:
    """Those of `surveys` that wait, by invitation, with what becomes of them."""
    waiting = {
        survey.invitation: survey
        for survey in surveys
        if survey is not None and survey.invitation is not None and survey.code in _WAITING
    }
    fates = await forecast(tx, mail_from, waiting.keys())
    return {key: foreseen(tx, waiting[key], fate) for key, fate in fates.items()}


async def read_consequence(
    tx: Tx, mail_from: str, task: UUID, stored: Survey | None, transition: UUID | None = None
) -> Consequence:
    """What becomes of the survey of `task`, also where its last steps are not planned yet.

    `stored`: the survey in the database. `transition`: the one to give the outcomes of.
    """
    if await tx.fetchval(_PENDING, tx.account, task):
        decided = await preview(tx, task)
        outcomes = _outcomes(decided, transition)
        return Consequence(await _expected(tx, mail_from, task, stored, decided), outcomes)
    found = await foresee(tx, mail_from, [stored])
    rows = await tx.fetch(_DECIDED, tx.account, transition) if transition else []
    survey = stored and found.get(stored.invitation or task, stored)
    return Consequence(survey, [row["outcome"] for row in rows])


async def suppose(tx: Tx, mail_from: str, task: UUID, supposed: Supposed) -> Consequence:
    """What would become of the survey of `task` with the step that is `supposed`."""
    stored = await read_stored_survey(tx, task)
    decided = await preview(tx, task, supposed.step)
    survey = await _expected(tx, mail_from, task, stored, decided, supposed)
    return Consequence(survey, _outcomes(decided, supposed.step.id))


async def _expected(
    tx: Tx,
    mail_from: str,
    task: UUID,
    stored: Survey | None,
    decided: Sequence[CampaignDecisions],
    supposed: Supposed | None = None,
) -> Survey | None:
    """The task's survey once planning has written what was `decided`."""
    held = stored.invitation if stored is not None and stored.code == Status.HELD else None
    made = [_planned(task, item, supposed) for item in decided]
    planned = [survey for survey in made if survey is not None and survey.invitation != held]
    if planned:
        latest = planned[-1]
        fates = await forecast(tx, mail_from, (), planned)
        survey = Survey("scheduled", latest.release, invitation=latest.invitation)
        fate = fates.get(latest.invitation)
        return survey if fate is None else foreseen(tx, survey, fate)
    by_hand = {item.invitation.id for item in decided if item.invitation and item.invitation.manual}
    if stored is not None and (
        stored.code not in ("none", Status.SCHEDULED) or stored.invitation in by_hand
    ):
        found = await foresee(tx, mail_from, [stored])
        return found.get(stored.invitation or task, stored)
    last = max((item.history.round for item in decided if item.decisions), default=0)
    of_last = (item for item in decided if item.history.round == last)
    decisions = (decision for item in of_last for decision in item.decisions.values())
    reasons = [item.reason.value for item in decisions if not isinstance(item, Schedule)]
    first = [reason for reason in reasons if reason != Reason.NOT_FIRST] or reasons
    return Survey("none", reason=first[0]) if first else None


def _planned(task: UUID, decided: CampaignDecisions, supposed: Supposed | None) -> Unplanned | None:
    """The survey that planning makes, moves or leaves; None where it is past waiting, or none."""
    found = decided.invitation
    if found is not None and (found.manual or found.status not in _PLANNED):
        return None
    types = {step.id: step.type for step in decided.history.transitions}
    for schedule in decided.decisions.values():
        if isinstance(schedule, Schedule):
            return Unplanned(
                invitation=new_id() if found is None else found.id,
                campaign=decided.newest.id,
                version=decided.version.version,
                task=task,
                transition=schedule.transition,
                type=types[schedule.transition],
                due=schedule.due,
                ready=schedule.ready,
                release=schedule.release,
                state=None if supposed is None else supposed.state,
                captured=None if supposed is None else supposed.captured,
            )
    return None


def _outcomes(decided: Iterable[CampaignDecisions], transition: UUID | None) -> list[str]:
    found = [item.decisions[transition] for item in decided if transition in item.decisions]
    return [SCHEDULED if isinstance(item, Schedule) else item.reason.value for item in found]


def foreseen(tx: Tx, survey: Survey, fate: Forecast) -> Survey:
    """The `survey` that waits, with what becomes of it."""
    match fate:
        case Leaves(at=at, address=address, moved=moved):
            if at <= tx.now:
                return replace(survey, code=Status.CLAIMED, at=None, address=address, reason=None)
            code = "retrying" if survey.code == Status.CLAIMED else survey.code
            return replace(survey, code=code, at=at, address=address, reason=None, moved=moved)
        case Stays(reason=reason, choice=choice):
            return replace(survey, code="blocked", reason="/".join(filter(None, (reason, choice))))
        case Waits(obstacle=obstacle):
            return replace(survey, code="delayed", at=None, reason=obstacle)
