"""Assignments, transitions, timelines and results of tasks; open transitions."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from mail.planning.rounds import Round, read_rounds
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
    TimelinePage,
    Window,
    read_cursor,
    read_timeline,
)
from sync.database import Tx, run, tx
from sync.errors import ConflictError
from sync.intake import Progress, accept, dismiss, progress
from sync.intake.open_transitions import OpenItem, open_items, open_items_of_technician
from sync.messages import Moment, Result, SurveyReason
from sync.records import reading, tasks
from sync.records.shapes import AssignmentRecord, Ref, TaskRecord
from sync.validation import is_line

ApiRequest: TypeAlias = Request[Principal, Any, Any]
Cursor: TypeAlias = Annotated[str, Meta(max_length=300)]

#: Assignments that are included in the answer to a task.
LAST_ASSIGNMENTS: Final = 50


class AssignmentOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A new assignment: to a technician, to a unit's pool, or to nobody where both are null.

    `start`: when it begins; now where left out. Open assignments end then.
    """

    technician: Ref | None = None
    unit: Ref | None = None
    start: Moment | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: both `technician` and `unit`."""
        if self.technician is not None and self.unit is not None:
            raise ValueError("either `technician` or `unit`")


class Dismiss(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a refused transition needs no acceptance."""

    reason: SurveyReason

    def __post_init__(self) -> None:
        """:raises ValueError: it is empty or not one line."""
        if not self.reason.strip() or not is_line(self.reason):
            raise ValueError("the reason is one line that says something")


class TaskDetail(TaskRecord, frozen=True, kw_only=True):
    """A task with its assignments, its result and the end of its timeline.

    `rounds`: those that were opened after the first. `result`: of all of them, null while no answer
    was counted. `assignments`, `timeline`: the last 50, earliest
    first. `earlier`: the `before` of the task's earlier timeline, or null where there is none.
    """

    assignments: list[AssignmentRecord]
    rounds: list[Round]
    result: TaskResult | None
    timeline: Sequence[Entry]
    earlier: str | None


class TimelineQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of a timeline: `before` or `after` the cursor of another page; else the last one."""

    before: Cursor | None = None
    after: Cursor | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_ENTRIES)] = USUAL_ENTRIES

    def __post_init__(self) -> None:
        """:raises ValueError: both `before` and `after`."""
        if self.before and self.after:
            raise ValueError("either `before` or `after`")


class OpenQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of open transitions, of all technicians or of one."""

    technician: UUID | None = None
    limit: Limit = 100
    after: UUID | None = None


class Assignments(Struct, frozen=True):
    """The task's last 50 assignments, earliest first."""

    items: list[AssignmentRecord]


@operation(
    "POST",
    "/tasks/{key:uuid}/assignments",
    access=api(Action.TASK_ASSIGN),
    status=201,
    fails=("not_found", "unknown_reference", "bad_field"),
)
async def assign_task(request: ApiRequest, key: UUID, body: AssignmentOrder) -> Assignments:
    """Assign a task to a technician, to a pool, or to nobody."""

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
    """Progress or correct a task by a transition made in the office.

    Sending it again with the same `id` has no further effect. It counts as the work of the
    technician to whom the task was assigned at its moment, else as that of the calling user; a
    program cannot move a task that was assigned to nobody (409 `conflict`). 409, too, where the id
    was used for another transition.
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
    """Accept a transition that was refused. It keeps its moment; its reception is now.

    409 `conflict` where it is not refused (any more), or its task or state does not exist.
    """

    async def work(opened: Tx) -> None:
        await accept(opened, key, request.user.user)

    await run(request.user.account, work, actor_of(request))
    services(request).ring(Job.PLAN)


@operation(
    "POST",
    "/transitions/{key:uuid}/dismiss",
    access=api(Action.REFUSED_DISMISS),
    fails=("not_found", "conflict"),
)
async def dismiss_transition(request: ApiRequest, key: UUID, body: Dismiss) -> None:
    """Dismiss a transition that was refused. It is kept, and may still be accepted.

    409 `conflict` where it is not refused (any more), or was dismissed before.
    """
    work = partial(dismiss, transition=key, by=request.user.user, reason=body.reason.strip())
    await run(request.user.account, work, actor_of(request))


async def read_detail(opened: Tx, key: UUID) -> TaskDetail:
    """One task with its details.

    :raises MissingError: the account has no such task.
    """
    record = await reading.get_task(opened, key)
    page = await read_timeline(opened, key, Window())
    return TaskDetail(
        **msgspec.structs.asdict(record),
        assignments=await reading.last_assignments(opened, key, LAST_ASSIGNMENTS),
        rounds=await read_rounds(opened, key),
        result=await read_result(opened, key),
        timeline=page.items,
        earlier=page.earlier,
    )


@operation(
    "GET",
    "/tasks/{key:uuid}/timeline",
    access=api(Action.TASK_READ),
    fails=("not_found", "bad_cursor"),
)
async def read_task_timeline(request: ApiRequest, key: UUID, query: TimelineQuery) -> TimelinePage:
    """Read a task's timeline by pages, from its end.

    Ask again with `before` = `earlier`, or `after` = `later`. A page is shorter where its texts are
    long; its entries are listed earliest first.
    """
    cursor = query.before or query.after
    async with tx(request.user.account) as opened:
        await reading.get_task(opened, key)
        place = read_cursor(cursor) if cursor else None
        window = Window(place, later=bool(query.after), limit=query.limit)
        return await read_timeline(opened, key, window)


@operation(
    "GET", "/tasks/{key:uuid}/assignments", access=api(Action.TASK_READ), fails=("not_found",)
)
async def list_assignments(
    request: ApiRequest, key: UUID, query: Paging
) -> Listing[AssignmentRecord]:
    """List the assignments of a task, in the order of ids."""
    async with tx(request.user.account) as opened:
        await reading.get_task(opened, key)
        items = await reading.list_assignments(opened, key, query.limit + 1, query.after)
    return listing(items, query.limit)


@operation("GET", "/refused", access=api(Action.REFUSED_READ))
async def list_refused(request: ApiRequest, query: OpenQuery) -> Listing[OpenItem]:
    """List open transitions: those that were refused, or are parked until their task is known."""
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
    dismiss_transition,
    list_refused,
]
