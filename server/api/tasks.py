"""What only tasks have: who is responsible, their past and their result, what was refused."""

from typing import Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from server.api.operation import operation
from server.auth import Principal, plans
from sync.database import Tx, run
from sync.records import reading, tasks
from sync.records.shapes import AssignmentRecord, Ref
from sync.wire import Moment

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


ROUTES: Final[list[ControllerRouterHandler]] = [assign_task]
