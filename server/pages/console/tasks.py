"""/tasks and /tasks/{id}."""

from uuid import UUID

from litestar import Response, route
from litestar.params import FromPath

from server.auth import ConsoleRequest, console
from server.pages.console.task_list import read_filters, read_list
from server.pages.console.task_page import read_task
from server.pages.page import clock_for, frame, respond
from server.pages.reading import READING
from sync.database import tx


@route("/tasks", http_method=READING, guards=[console])
async def task_list(request: ConsoleRequest) -> Response[str]:
    """The tasks that the URL's filters leave."""
    page = frame(request, request.user)
    async with tx(request.user.account) as opened:
        found = await read_list(opened, read_filters(request.query_params), page.language)
        clock = clock_for(opened, page, request.user.zone)
    return respond(request, "tasks.html", page, list=found, clock=clock)


@route("/tasks/{task:uuid}", http_method=READING, guards=[console])
async def task_page(request: ConsoleRequest, task: FromPath[UUID]) -> Response[str]:
    """One task with its result and timeline.

    :raises NotFoundError: this account has no such task.
    """
    page = frame(request, request.user)
    async with tx(request.user.account) as opened:
        clock = clock_for(opened, page, request.user.zone)
        found = await read_task(opened, task, clock, page.language)
    return respond(request, "task.html", page, task=found, clock=clock)
