"""What only tasks have: who is responsible, their past and their result, what was refused."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from mail.worker.jobs import Job
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import Limit, Listing, Paging, listing
from server.services import services
from server.timeline.entries import Entry, TaskResult, read_result
from server.timeline.pages import (
    MOST_ENTRIES,
    USUAL_ENTRIES,
    Place,
    TimelinePage,
    Window,
    read_cursor,
    read_timeline,
)
from sync.database import Tx, run, tx
from sync.errors import ConflictError
from sync.intake import Progress, accept, progress
from sync.intake.open_transitions import OpenItem, open_items, open_items_of_technician
from sync.messages import Moment, Result
from sync.records import reading, tasks
from sync.records.shapes import AssignmentRecord, Ref, TaskRecord

ApiRequest: TypeAlias = Request[Principal, Any, Any]
Cursor: TypeAlias = Annotated[str, Meta(max_length=300)]

#: Turns that are told together with their task.
LAST_ASSIGNMENTS: Final = 50


class Turn(Struct, frozen=True, forbid_unknown_fields=True):
    """Who takes the task over: a technician, a unit's pool, or nobody when both are null.

    `start`: from when; now where left out. Open turns end there.
    """

    technician: Ref | None = None
    unit: Ref | None = None
    start: Moment | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: both at once."""
        if self.technician is not None and self.unit is not None:
            raise ValueError("either `technician` or `unit`")


class TaskDetail(TaskRecord, frozen=True, kw_only=True):
    """A task with who had it when, what came of it, and what happened to it last.

    `result`: null while no answer was counted. `assignments`, `timeline`: the last 50, earliest
    first. `earlier`: null, or what to ask the task's timeline for as `before`.
    """

    assignments: list[AssignmentRecord]
    result: TaskResult | None
    timeline: Sequence[Entry]
    earlier: str | None


class TimelineQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a timeline: `before` or `after` a cursor of another one; else the last."""

    before: Cursor | None = None
    after: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_ENTRIES)] = USUAL_ENTRIES

    def __post_init__(self) -> None:
        """:raises ValueError: both at once."""
        if self.before and self.after:
            raise ValueError("either `before` or `after`")


class OpenQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which page, of everybody or of one technician."""

    technician: UUID | None = None
    limit: Limit = 100
    after: UUID | None = None


class Assignments(Struct, frozen=True):
    """The task's last 50 turns, earliest first."""

    items: list[AssignmentRecord]


@operation(
    "POST",
    "/tasks/{key:uuid}/assignments",
    access=api(Action.TASK_ASSIGN),
    status=201,
    fails=("not_found", "unknown_reference", "bad_field"),
)
async def assign_task(request: ApiRequest, key: UUID, body: Turn) -> Assignments:
    """Give a task to a technician, to a pool, or take it from everybody."""

    async def work(opened: Tx) -> Assignments:
        await tasks.assign(opened, key, technician=body.technician, pool=body.unit, at=body.start)
        return Assignments(await reading.last_assignments(opened, key, LAST_ASSIGNMENTS))

    return await run(request.user.account, work, actor_of(request))


@operation(
    "POST",
    "/tasks/{key:uuid}/transitions",
    access=api(Action.TASK_PROGRESS),
    status=201,
    fails=("not_found", "unknown_reference", "conflict"),
)
async def progress_task(request: ApiRequest, key: UUID, body: Progress) -> Result:
    """Progress or correct a task: a transition like any other, made in the office.

    Sending it again with the same `id` is once. It counts as the work of whoever had the task at
    the moment, else as that of the user who asks; a program (409 `conflict`) cannot move what
    nobody had. 409 too where the id was used for something else.
    """
    actor = actor_of(request)
    result = await progress(request.user.account, key, request.user.user, body, actor)
    if result.verdict == "refused":
        raise ConflictError("its id was used for something else")
    services(request).ring(Job.PLAN)
    return result


@operation(
    "POST",
    "/transitions/{key:uuid}/accept",
    access=api(Action.REFUSED_ACCEPT),
    fails=("not_found", "conflict"),
)
async def accept_transition(request: ApiRequest, key: UUID) -> None:
    """Accept a transition that was refused. It keeps its moment; now is its reception.

    409 `conflict` where it is not refused (any more), or its task or state does not exist.
    """

    async def work(opened: Tx) -> None:
        await accept(opened, key, request.user.user)

    await run(request.user.account, work, actor_of(request))
    services(request).ring(Job.PLAN)


async def read_detail(opened: Tx, key: UUID) -> TaskDetail:
    """One task, whole.

    :raises MissingError: the account has no such task.
    """
    record = await reading.get_task(opened, key)
    told = await read_timeline(opened, key, Window())
    return TaskDetail(
        **msgspec.structs.asdict(record),
        assignments=await reading.last_assignments(opened, key, LAST_ASSIGNMENTS),
        result=await read_result(opened, key),
        timeline=told.items,
        earlier=told.earlier,
    )


@operation(
    "GET",
    "/tasks/{key:uuid}/timeline",
    access=api(Action.TASK_READ),
    fails=("not_found", "bad_cursor"),
)
async def read_task_timeline(request: ApiRequest, key: UUID, query: TimelineQuery) -> TimelinePage:
    """Read what happened to a task, a page at a time: the last entries first.

    Ask again with `before` = `earlier`, or `after` = `later`. A page ends early where much was
    written; entries in it stand earliest first.
    """
    async with tx(request.user.account) as opened:
        await reading.get_task(opened, key)
        window = Window(_place(query), later=bool(query.after), limit=query.limit)
        return await read_timeline(opened, key, window)


def _place(query: TimelineQuery) -> Place | None:
    cursor = query.before or query.after
    return read_cursor(cursor) if cursor else None


@operation(
    "GET", "/tasks/{key:uuid}/assignments", access=api(Action.TASK_READ), fails=("not_found",)
)
async def list_assignments(
    request: ApiRequest, key: UUID, query: Paging
) -> Listing[AssignmentRecord]:
    """List who had a task when, in the order of ids."""
    async with tx(request.user.account) as opened:
        await reading.get_task(opened, key)
        items = await reading.list_assignments(opened, key, query.limit + 1, query.after)
    return listing(items, query.limit)


@operation("GET", "/refused", access=api(Action.REFUSED_READ))
async def list_refused(request: ApiRequest, query: OpenQuery) -> Listing[OpenItem]:
    """List transitions that were refused, or are parked until their task is known."""
    async with tx(request.user.account) as opened:
        if query.technician is None:
            items = await open_items(opened, query.limit + 1, query.after)
        else:
            items = await open_items_of_technician(
                opened, query.technician, query.limit + 1, query.after
            )
    return listing(items, query.limit)


ROUTES: Final[list[ControllerRouterHandler]] = [
    assign_task,
    list_assignments,
    read_task_timeline,
    progress_task,
    accept_transition,
    list_refused,
]
