"""/refused: transitions that were not accepted; a dispatcher accepts or dismisses refused ones."""

from functools import partial
from typing import Final
from uuid import UUID

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect

from mail.worker.jobs import Job
from server.access.guards import console
from server.access.kept_forms import read_kept
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.nav_counts import console_frame
from server.console.refused_list import TypedReason, read_query, read_refusal, read_refusals
from server.console.settlement import read_prospect, read_settled
from server.console.transition_form import is_reason
from server.http.problems import NotFoundError
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import run, tx
from sync.errors import ConflictError, DismissedError
from sync.intake import accept, dismiss


@route("/refused", http_method=READING, guards=[console(Action.REFUSED_READ)])
async def refused_list(request: ConsoleRequest) -> Response[str]:
    """Refused, parked or dismissed transitions, and a notice about the one just settled."""
    query = request.query_params
    sender = services(request).settings.mail_from
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        refusals = await read_refusals(opened, read_query(query), page.language)
        settled = await read_settled(opened, sender, query.get("settled", ""), page.language)
        clock = clock_for(opened, page, request.user.zone)
    return respond(request, "refused.html", page, list=refusals, settled=settled, clock=clock)


@route("/refused/{transition:uuid}", http_method=READING, guards=[console(Action.REFUSED_READ)])
async def refusal_page(request: ConsoleRequest, transition: FromPath[UUID]) -> Response[str]:
    """One of them: what accepting it would do, and the forms that settle it; or who accepted it.

    :raises NotFoundError: no transition of this account has the id, or it was accepted at once.
    """
    fields = await read_kept(request, f"/refused/{transition}/dismiss")
    return await _respond(request, transition, TypedReason(fields.get("why", "")))


@post("/refused/{transition:uuid}/accept", status_code=303, guards=[console(Action.REFUSED_ACCEPT)])
async def accept_refused(request: ConsoleRequest, transition: FromPath[UUID]) -> Response[str]:
    """Accept the transition; where that is impossible or was done already, the list says so.

    Where somebody dismissed it since the page was shown, the page is shown anew and says that.

    :raises MissingError: this account never received such a transition.
    """
    seen = (await read_fields(request)).get("dismissed") == "yes"
    work = partial(accept, transition=transition, by=request.user.user, even_dismissed=seen)
    try:
        await run(request.user.account, work, actor_of(request))
    except DismissedError:
        return await _respond(request, transition, TypedReason("", "dismissed"))
    except ConflictError:
        pass
    else:
        services(request).ring(Job.PLAN)
    return Redirect(f"/refused?settled={transition}", status_code=303)


@post(
    "/refused/{transition:uuid}/dismiss", status_code=303, guards=[console(Action.REFUSED_DISMISS)]
)
async def dismiss_refused(request: ConsoleRequest, transition: FromPath[UUID]) -> Response[str]:
    """Dismiss the transition, or show the form with its error.

    What was settled before stays so, and the page says by whom, with the reason that is not kept.

    :raises MissingError: this account never received such a transition.
    """
    reason = (await read_fields(request)).get("why", "").strip()
    if not is_reason(reason):
        return await _respond(request, transition, TypedReason(reason, "why"))
    work = partial(dismiss, transition=transition, by=request.user.user, reason=reason)
    try:
        await run(request.user.account, work, actor_of(request))
    except ConflictError:
        if not await _is_dismissed_for(request, transition, reason):
            return await _respond(request, transition, TypedReason(reason, "late"))
    return Redirect(f"/refused?settled={transition}", status_code=303)


async def _is_dismissed_for(request: ConsoleRequest, transition: UUID, reason: str) -> bool:
    """Whether the transition stands dismissed for this very reason: the form was sent twice."""
    async with tx(request.user.account) as opened:
        refusal = await read_refusal(opened, transition, request.user.language)
    dismissal = None if refusal is None else refusal.dismissal
    return dismissal is not None and dismissal.reason == reason


async def _respond(request: ConsoleRequest, transition: UUID, typed: TypedReason) -> Response[str]:
    """The page of a transition, also of one that was accepted meanwhile; with what was typed."""
    sender = services(request).settings.mail_from
    status = {"": 200, "why": 422, "late": 409, "dismissed": 409}[typed.wrong]
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        shown: dict[str, object] = {"typed": typed}
        shown["clock"] = clock_for(opened, page, request.user.zone)
        refusal = await read_refusal(opened, transition, page.language)
        if refusal is None:
            settled = await read_settled(opened, sender, str(transition), page.language)
            if settled is None or settled.at is None:
                raise NotFoundError
            return respond(request, "accepted.html", page, status=status, settled=settled, **shown)
        prospect = await read_prospect(opened, sender, refusal, page.language)
    shown |= {"refusal": refusal, "prospect": prospect}
    return respond(request, "refusal.html", page, status=status, **shown)


ROUTES: Final = (refused_list, refusal_page, accept_refused, dismiss_refused)
