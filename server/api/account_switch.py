"""The account's switch, which stops all sending of surveys."""

from functools import partial
from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from mail.campaigns.account_switch import Stopped, pause_sending, read_stop, resume_sending
from mail.worker.jobs import Job
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from server.services import services
from sync.database import run, tx
from sync.messages import SurveyReason
from sync.validation import read_reason

ApiRequest: TypeAlias = Request[Principal, Any, Any]


class Why(Struct, frozen=True, forbid_unknown_fields=True):
    """Why something is done, in one line."""

    reason: SurveyReason


class Sending(Struct, frozen=True):
    """Whether the account sends surveys. `stopped`: null where it does."""

    stopped: Stopped | None


@operation("GET", "/account/sending", access=api(Action.SENDING_READ))
async def read_sending(request: ApiRequest) -> Sending:
    """Read whether the account sends surveys, and if not, since when and why."""
    return await _state(request)


@operation("POST", "/account/sending/pause", access=api(Action.SENDING_PAUSE), fails=("bad_text",))
async def pause_all_sending(request: ApiRequest, body: Why) -> Sending:
    """Stop all sending of the account, as if every active campaign were paused.

    What is due is held. Steps that happen meanwhile are `paused`: nobody is asked about them later.
    Where it is stopped already, nothing changes.
    """
    work = partial(pause_sending, by=request.user.user, reason=read_reason(body.reason))
    await run(request.user.account, work, actor_of(request))
    return await _state(request)


@operation("POST", "/account/sending/resume", access=api(Action.SENDING_RESUME))
async def resume_all_sending(request: ApiRequest) -> Sending:
    """Send again. What is by now more than seven days past its release is dropped as `paused`.

    A campaign that was paused itself stays so.
    """
    await run(request.user.account, resume_sending, actor_of(request))
    services(request).ring(Job.DELIVER)
    return await _state(request)


async def _state(request: ApiRequest) -> Sending:
    async with tx(request.user.account) as opened:
        return Sending(await read_stop(opened))


ROUTES: Final[list[ControllerRouterHandler]] = [read_sending, pause_all_sending, resume_all_sending]
