"""/refused: transitions that were refused or are parked; a dispatcher may accept refused ones."""

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
from server.console.refusals import read_outcome, read_query, read_refusals
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, respond
from sync.database import run, tx
from sync.errors import ConflictError
from sync.intake import accept


@route("/refused", http_method=READING, guards=[console(Action.REFUSED_READ)])
async def refused_list(request: ConsoleRequest) -> Response[str]:
    """Refused or parked transitions, and a notice about the one that was just accepted."""
    query = request.query_params
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        refusals = await read_refusals(opened, read_query(query), page.language)
        outcome = await read_outcome(opened, query.get("accepted", ""), page.language)
        clock = clock_for(opened, page, request.user.zone)
    return respond(request, "refused.html", page, list=refusals, outcome=outcome, clock=clock)


@post("/refused/{transition:uuid}/accept", status_code=303, guards=[console(Action.REFUSED_ACCEPT)])
async def accept_refused(request: ConsoleRequest, transition: FromPath[UUID]) -> Redirect:
    """Accept the transition; where that is impossible or was done already, the list says so.

    :raises MissingError: this account never received such a transition.
    """
    work = partial(accept, transition=transition, by=request.user.user)
    try:
        await run(request.user.account, work, actor_of(request))
    except ConflictError:
        pass
    else:
        services(request).ring(Job.PLAN)
    return Redirect(f"/refused?accepted={transition}", status_code=303)


ROUTES: Final = (refused_list, accept_refused)
