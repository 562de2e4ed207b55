"""Asking again about a task: new rounds, and surveys that are sent by hand."""

from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from mail.planning import manual
from mail.planning.manual import Asked, send_by_hand
from mail.planning.rounds import Round, open_round
from mail.worker.jobs import Job
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from server.services import services
from sync.database import run
from sync.messages import SurveyReason
from sync.validation import read_reason

ApiRequest: TypeAlias = Request[Principal, Any, Any]


class RoundOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A round to open. `round`: its number, one more than that of the task's last round."""

    round: Annotated[int, Meta(ge=2, le=2**31 - 1)]
    reason: SurveyReason


class SurveyOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A survey to send by hand. `waive_limits`: neither mute window nor cap keeps it back."""

    campaign: UUID
    reason: SurveyReason
    waive_limits: bool = False


@operation(
    "POST",
    "/tasks/{key:uuid}/rounds",
    access=api(Action.ROUND_OPEN),
    status=201,
    fails=("not_found", "bad_text", "not_next_round"),
)
async def open_task_round(request: ApiRequest, key: UUID, body: RoundOrder) -> Round:
    """Open a new round of a task, for a return visit that may be asked about again.

    Transitions from its opening on belong to it, by their moments. What waits to be sent for the
    round before is not sent: its decision becomes `new_round`. A round that is open already stays
    as it is, and is the answer.
    """
    work = partial(
        open_round,
        task=key,
        number=body.round,
        by=request.user.user,
        reason=read_reason(body.reason),
    )
    opened = await run(request.user.account, work, actor_of(request))
    services(request).ring(Job.DELIVER)
    return opened


@operation(
    "POST",
    "/tasks/{key:uuid}/surveys",
    access=api(Action.SURVEY_SEND),
    status=201,
    fails=("not_found", "unknown_reference", "bad_text", "asked", "not_active", "no_step"),
)
async def send_survey(request: ApiRequest, key: UUID, body: SurveyOrder) -> Asked:
    """Send a survey of an active campaign by hand, about the last step of the task's last round.

    It leaves as soon as mail may go and is the survey of its round: 409 `asked` where there is one
    already. It goes whatever the state of its task, but not to an address that is suppressed.
    Sending the same request again has no further effect.
    """
    asking = manual.Request(
        body.campaign, request.user.user, read_reason(body.reason), body.waive_limits
    )
    work = partial(send_by_hand, task=key, request=asking)
    asked = await run(request.user.account, work, actor_of(request))
    services(request).ring(Job.DELIVER)
    return asked


ROUTES: Final[list[ControllerRouterHandler]] = [open_task_round, send_survey]
