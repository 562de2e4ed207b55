"""/tasks and /tasks/{id}: the list, a task's page, and the transitions that dispatchers record."""

from typing import Final
from uuid import UUID

from litestar import Response, get, post, route
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec.structs import replace

from mail.worker.jobs import Job
from server.access.guards import console
from server.access.kept_forms import read_kept
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.access.sessions import session_of
from server.console.follow_up_list import Typed as FollowUpTyped
from server.console.follow_up_list import read_of_task
from server.console.follow_up_origin import Origin
from server.console.nav_counts import console_frame
from server.console.task_list import foresee_list, read_back, read_filters, read_list
from server.console.task_page import Wanted, read_task
from server.console.timeline import read_window
from server.console.transition_form import (
    Typed,
    read_moved,
    read_moves,
    read_order,
    read_typed,
)
from server.live.sse import Events, event
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import now, tx
from sync.errors import UnknownReferenceError
from sync.ids import new_id
from sync.intake import progress
from sync.intake.verdicts import read_verdicts

#: The event that says that something of the account changed.
CHANGED: Final = event("changed")


@route("/tasks", http_method=READING, guards=[console(Action.TASK_READ)])
async def task_list(request: ConsoleRequest) -> Response[str]:
    """The tasks that match the filters of the URL."""
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        tasks = await read_list(opened, read_filters(request.query_params), page.language)
        tasks = await foresee_list(opened, services(request).settings.mail_from, tasks)
        clock = clock_for(opened, page, request.user.zone)
    return respond(request, "tasks.html", page, list=tasks, clock=clock)


@get("/tasks/live", guards=[console(Action.TASK_READ)])
async def task_news(request: ConsoleRequest) -> Events:
    """A stream of events without content, one whenever the list may have changed."""
    ticks = services(request).live.account(request.user.account, session_of(request))
    return Events(ticks, _changed)


async def _changed() -> bytes:
    return CHANGED


@route("/tasks/{task:uuid}", http_method=READING, guards=[console(Action.TASK_READ)])
async def task_page(request: ConsoleRequest, task: FromPath[UUID]) -> Response[str]:
    """One task with its result and timeline; what was just recorded, or typed and not recorded.

    :raises NotFoundError: this account has no such task.
    """
    fields = await read_kept(request, f"/tasks/{task}/transitions")
    typed = read_typed(fields) if fields else None
    if typed is not None:
        async with tx(request.user.account) as opened:
            if await read_verdicts(opened, [typed.id]):
                typed = None  # it was recorded since
    return await _respond(request, task, typed)


@post("/tasks/{task:uuid}/transitions", status_code=303, guards=[console(Action.TASK_PROGRESS)])
async def move_task(request: ConsoleRequest, task: FromPath[UUID]) -> Response[str]:
    """Record a transition, once for each form, or show the form with its errors.

    :raises MissingError: this account has no such task.
    """
    typed = read_typed(await read_fields(request))
    order = read_order(typed, request.user.zone, await now())
    if isinstance(order, list):
        return await _respond(request, task, typed, *order)
    user = request.user
    try:
        result = await progress(user.account, task, user.user, order, actor_of(request))
    except UnknownReferenceError:
        return await _respond(request, task, typed, "state")
    if result.verdict == "refused":
        # The form was sent before with other values: it gets an id of its own.
        return await _respond(request, task, replace(typed, id=new_id()), "id")
    services(request).ring(Job.PLAN)
    carried = read_back(request.query_params).carried
    target = f"/tasks/{task}?moved={order.id}"
    return Redirect(f"{target}&{carried}" if carried else target, status_code=303)


async def _respond(
    request: ConsoleRequest, task: UUID, typed: Typed | None = None, *wrong: str
) -> Response[str]:
    """The task's page; with the form as it was `typed` where the fields `wrong` have errors."""
    user = request.user
    async with tx(user.account) as opened:
        page = await console_frame(opened, request)
        clock = clock_for(opened, page, user.zone)
        moved = await read_moved(opened, task, request.query_params.get("moved", ""), page.language)
        wanted = Wanted(
            task=task,
            language=page.language,
            zone=user.zone,
            window=read_window(request.query_params),
            recorded=None if moved is None else moved.id,
            mail_from=services(request).settings.mail_from,
        )
        shown = await read_task(opened, clock, wanted)
        moves = await read_moves(opened, task, user.zone, page.language, typed, *wrong)
        follow_ups = await read_of_task(opened, task, page.language)
    back = read_back(request.query_params)
    status = 422 if wrong else 200
    return respond(
        request,
        "task.html",
        page,
        status=status,
        task=shown,
        clock=clock,
        moves=moves,
        moved=moved,
        done=request.query_params.get("done", ""),
        back=back,
        follow_ups=follow_ups,
        origin=Origin("task", tasks=back.query),
        typed=FollowUpTyped(),
    )


ROUTES: Final = (task_list, task_news, task_page, move_task)
