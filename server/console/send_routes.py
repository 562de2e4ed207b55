"""/sends: the surveys that are to be sent; one of them is cancelled, or sent again."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final
from uuid import UUID

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect

from mail.delivery.cancel import EndedError, SentError, cancel
from mail.delivery.claim import wake
from mail.delivery.outbox import asked
from mail.delivery.send_again import (
    ClosedError,
    NotSentError,
    Order,
    UnderWayError,
    UnreachableError,
    send_again,
)
from mail.delivery.upcoming import START, Place, read_send
from mail.worker.jobs import Job
from rules.campaign import AddressField
from server.access.guards import console
from server.access.kept_forms import read_kept
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.list_query import read_after
from server.console.nav_counts import console_frame
from server.console.sends import Typed, read_sends, read_typed, survey_shown
from server.console.transition_form import is_reason
from server.http.problems import NotFoundError
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import Tx, run, tx


@route("/sends", http_method=READING, guards=[console(Action.SEND_READ)])
async def send_list(request: ConsoleRequest) -> Response[str]:
    """What is to be sent, by release."""
    after = read_after(request.query_params.get("after", ""))
    place = START if after is None else Place(*after)
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        clock = clock_for(opened, page, request.user.zone)
        found = await read_sends(opened, services(request).settings.mail_from, clock, place)
    return respond(request, "sends.html", page, list=found, clock=clock)


@route("/sends/{key:uuid}", http_method=READING, guards=[console(Action.SEND_READ)])
async def send_page(request: ConsoleRequest, key: FromPath[UUID]) -> Response[str]:
    """One survey, and the form that cancels it or has it sent again.

    :raises NotFoundError: this account has no such survey.
    """
    kept = [await read_kept(request, f"/sends/{key}/{verb}") for verb in ("cancel", "resend")]
    return await _respond(request, key, read_typed(kept[0] or kept[1]), resends=bool(kept[1]))


@post("/sends/{key:uuid}/cancel", status_code=303, guards=[console(Action.SURVEY_CANCEL)])
async def cancel_survey(request: ConsoleRequest, key: FromPath[UUID]) -> Response[str]:
    """Cancel what waits of it, or show the form with its error; the page says which.

    :raises MissingError: this account has no such survey.
    """
    typed = read_typed(await read_fields(request))
    work = partial(cancel, invitation=key, by=request.user.user, reason=typed.why)
    changed = await _change(request, key, typed, work)
    await wake(request.user.account)
    services(request).ring(Job.DELIVER)
    return changed


@post("/sends/{key:uuid}/resend", status_code=303, guards=[console(Action.SURVEY_RESEND)])
async def resend_survey(request: ConsoleRequest, key: FromPath[UUID]) -> Response[str]:
    """Have it sent again, once for each form, or show the form with its error.

    :raises MissingError: this account has no such survey.
    """
    typed = read_typed(await read_fields(request))
    order = Order(typed.id, request.user.user, typed.why, typed.field)
    sender = services(request).settings.mail_from
    work = partial(send_again, mail_from=sender, invitation=key, order=order)
    changed = await _change(request, key, typed, work)
    services(request).ring(Job.DELIVER)
    return changed


async def _change(
    request: ConsoleRequest, key: UUID, typed: Typed, work: Callable[[Tx], Awaitable[None]]
) -> Response[str]:
    """Do `work` if its reason can be read, and show the survey; or what kept it from being done."""
    resends = request.url.path.endswith("/resend")
    if not is_reason(typed.why):
        return await _respond(request, key, typed, "why", resends=resends)
    try:
        await run(request.user.account, work, actor_of(request))
    except (
        SentError,
        EndedError,
        NotSentError,
        UnderWayError,
        ClosedError,
        UnreachableError,
    ) as error:
        return await _respond(request, key, typed, error.code, resends=resends)
    return Redirect(f"/sends/{key}?done=yes", status_code=303)


async def _respond(
    request: ConsoleRequest, key: UUID, typed: Typed, wrong: str = "", *, resends: bool = False
) -> Response[str]:
    """The page of a survey, with what was typed and why it was not done.

    `resends`: it was typed to have it sent again.
    """
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        clock = clock_for(opened, page, request.user.zone)
        send = await read_send(opened, services(request).settings.mail_from, key)
        if send is None:
            raise NotFoundError
        mailboxes = (await asked(opened, key)).mailboxes
        shown: dict[str, object] = {"send": send, "survey": survey_shown(opened, send)}
        shown |= {"can_resend": send.may_be_sent_again(opened.now), "typed": typed}
        shown["verb"] = "resend" if resends else "cancel"
    fields = [(field.value, mailboxes[field]) for field in AddressField if mailboxes.get(field)]
    status = {"": 200, "why": 422}.get(wrong, 409)
    shown |= {"wrong": wrong, "addresses": fields, "clock": clock}
    done = request.query_params.get("done") == "yes"
    return respond(request, "send.html", page, status=status, done=done, **shown)


ROUTES: Final = (send_list, send_page, cancel_survey, resend_survey)
