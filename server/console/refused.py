"""/refused: transitions that were not accepted; a dispatcher accepts or dismisses refused ones."""

from contextlib import suppress
from functools import partial
from typing import Final
from uuid import UUID

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect

from mail.worker.jobs import Job
from server.access.guards import console
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.nav_counts import console_frame
from server.console.refusals import read_query, read_refusal, read_refusals
from server.console.settlement import read_prospect, read_settled
from server.console.transition_form import MAX_REASON
from server.http.problems import NotFoundError
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import run, tx
from sync.errors import ConflictError, DismissedError
from sync.intake import accept, dismiss
from sync.validation import is_line


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
    """One of them: what accepting it would do, and the forms that settle it.

    :raises NotFoundError: no transition of this account has the id and is not accepted.
    """
    return await _respond(request, transition)


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
        return await _respond(request, transition, meanwhile=True)
    except ConflictError:
        pass
    else:
        services(request).ring(Job.PLAN)
    return Redirect(f"/refused?settled={transition}", status_code=303)


@post(
    "/refused/{transition:uuid}/dismiss", status_code=303, guards=[console(Action.REFUSED_DISMISS)]
)
async def dismiss_refused(request: ConsoleRequest, transition: FromPath[UUID]) -> Response[str]:
    """Dismiss the transition, or show the form with its error; what was settled before stays so.

    :raises MissingError: this account never received such a transition.
    """
    reason = (await read_fields(request)).get("why", "").strip()
    if not reason or len(reason) > MAX_REASON or not is_line(reason):
        return await _respond(request, transition, reason)
    work = partial(dismiss, transition=transition, by=request.user.user, reason=reason)
    with suppress(ConflictError):
        await run(request.user.account, work, actor_of(request))
    return Redirect(f"/refused?settled={transition}", status_code=303)


async def _respond(
    request: ConsoleRequest,
    transition: UUID,
    wrong_reason: str | None = None,
    *,
    meanwhile: bool = False,
) -> Response[str]:
    """The page of a transition; with the form as it was typed where that has an error.

    `meanwhile`: it was not accepted, because somebody dismissed it since the page was shown.
    """
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        refusal = await read_refusal(opened, transition, page.language)
        if refusal is None:
            raise NotFoundError
        sender = services(request).settings.mail_from
        prospect = await read_prospect(opened, sender, refusal, page.language)
        clock = clock_for(opened, page, request.user.zone)
    status = 409 if meanwhile else 200 if wrong_reason is None else 422
    shown = {"refusal": refusal, "prospect": prospect, "typed": wrong_reason, "clock": clock}
    return respond(request, "refusal.html", page, status=status, meanwhile=meanwhile, **shown)


ROUTES: Final = (refused_list, refusal_page, accept_refused, dismiss_refused)
