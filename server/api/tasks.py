"""What only tasks have: who is responsible, their past and their result, what was refused."""

from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from server.api.operation import operation
from server.api.paging import Limit, Listing, listing
from server.auth import Principal, plans, reads
from server.timeline import Entry, TaskResult, read_result, read_timeline
from sync import history
from sync.database import Tx, run, tx
from sync.errors import ConflictError
from sync.history import OpenItem
from sync.intake import Progress, accept, progress
from sync.records import reading, tasks
from sync.records.shapes import AssignmentRecord, Ref, TaskRecord
from sync.wire import Moment, Result

ApiRequest: TypeAlias = Request[Principal, Any, Any]


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
    """A task with who had it when, what came of it, and all that happened to it.

    `result`: null while no answer was counted.
    """

    assignments: list[AssignmentRecord]
    result: TaskResult | None
    timeline: list[Entry]


class OpenQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which page, of everybody or of one technician."""

    technician: UUID | None = None
    limit: Limit = 100
    after: UUID | None = None


class Assignments(Struct, frozen=True):
    """The task's turns, earliest first."""

    items: list[AssignmentRecord]


@operation(
    "POST",
    "/tasks/{key:uuid}/assignments",
    access=plans,
    status=201,
    fails=("not_found", "unknown_reference", "bad_field"),
)
async def assign_task(request: ApiRequest, key: UUID, body: Turn) -> Assignments:
    """Give a task to a technician, to a pool, or take it from everybody."""

    async def work(opened: Tx) -> Assignments:
        await tasks.assign(opened, key, technician=body.technician, pool=body.unit, at=body.start)
        return Assignments(await reading.list_assignments(opened, key))

    return await run(request.user.account, work)


@operation(
    "POST",
    "/tasks/{key:uuid}/transitions",
    access=plans,
    status=201,
    fails=("not_found", "unknown_reference", "conflict"),
)
async def progress_task(request: ApiRequest, key: UUID, body: Progress) -> Result:
    """Progress or correct a task: a transition like any other, made in the office.

    Sending it again with the same `id` is once. It counts as the work of whoever had the task at
    the moment, else as that of the user who asks; a program (409 `conflict`) cannot move what
    nobody had. 409 too where the id was used for something else.
    """
    result = await progress(request.user.account, key, request.user.user, body)
    if result.verdict == "refused":
        raise ConflictError("its id was used for something else")
    request.app.state.ring("plan")
    return result


@operation("POST", "/transitions/{key:uuid}/accept", access=plans, fails=("not_found", "conflict"))
async def accept_transition(request: ApiRequest, key: UUID) -> None:
    """Accept a transition that was refused. It keeps its moment; now is its reception.

    409 `conflict` where it is not refused (any more), or its task or state does not exist.
    """

    async def work(opened: Tx) -> None:
        await accept(opened, key, request.user.user)

    await run(request.user.account, work)
    request.app.state.ring("plan")


async def read_detail(opened: Tx, key: UUID) -> TaskDetail:
    """One task, whole.

    :raises MissingError: the account has no such task.
    """
    record = await reading.get_task(opened, key)
    return TaskDetail(
        **msgspec.structs.asdict(record),
        assignments=await reading.list_assignments(opened, key),
        result=await read_result(opened, key),
        timeline=await read_timeline(opened, key),
    )


@operation("GET", "/refused", access=reads)
async def list_refused(request: ApiRequest, query: OpenQuery) -> Listing[OpenItem]:
    """List transitions that were refused, or are parked until their task is known."""
    async with tx(request.user.account) as opened:
        if query.technician is None:
            items = await history.open_items(opened, query.limit + 1, query.after)
        else:
            items = await history.open_items_of_technician(
                opened, query.technician, query.limit + 1, query.after
            )
    return listing(items, query.limit)


ROUTES: Final[list[ControllerRouterHandler]] = [
    assign_task,
    progress_task,
    accept_transition,
    list_refused,
]
