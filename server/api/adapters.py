"""Sync in the shapes of RxDB and WatermelonDB, for apps that store their tasks in one of them."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from mail.worker.jobs import Job
from server.access.guards import device
from server.access.principals import DeviceRequest
from server.access.rights import Action
from server.api.devices import EventStream
from server.api.operation import operation
from server.live.sse import Events, always, event
from server.services import services
from sync.adapters import rxdb, watermelon
from sync.adapters.rxdb import ChangeRow, Collection, Documents
from sync.adapters.watermelon import Pulled, RowVerdicts, TableChanges
from sync.feed.pull import MOST_CHANGES
from sync.messages import Moment
from sync.validation import check_moment

#: Numbers up to here are exact in JavaScript.
_MOST: Final = 2**53 - 1

#: The event at which RxDB pulls everything since its checkpoint.
RESYNC: Final = event("message", b'"RESYNC"')

#: The blank that a `+` becomes in a query where it was not encoded: the sign of an offset.
_BLANK: Final = re.compile(r" (?=\d\d:?\d\d\Z)")

Document: TypeAlias = dict[str, Any]


class DocumentsQuery(Struct, frozen=True):
    """A page of documents. Other parameters are ignored.

    `limit`: RxDB's batch size. `cursor`: of the checkpoint; empty or missing for the start.
    """

    limit: Annotated[int, Meta(ge=1, le=MOST_CHANGES)]
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class NumberQuery(Struct, frozen=True):
    """What to pull. Other parameters (`schema_version`) are ignored.

    `last_pulled_at`: the number of the last pull; 0 or missing for everything. `migration`: of the
    app's tables; with one, everything is sent again, so that new columns are filled.

    `cursor`: of the last pull. It shows what the number cannot: that the server's database was
    restored from a backup, and that the device must start again.
    """

    last_pulled_at: Annotated[int, Meta(ge=0, le=_MOST)] | None = None
    migration: str | None = None
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class ClockQuery(Struct, frozen=True):
    """`device_now`: the device's clock when it pushes, with an offset."""

    device_now: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

    def __post_init__(self) -> None:
        """:raises ValueError: not a time with an offset, or outside the supported years."""
        try:
            check_moment(self.clock)
        except (msgspec.ValidationError, ValueError) as error:
            raise ValueError(f"`device_now`: {error}") from None

    @property
    def clock(self) -> datetime:
        """The time of the device's clock."""
        return msgspec.convert(_BLANK.sub("+", self.device_now), Moment)


class LocalChanges(Struct, frozen=True, rename="camel"):
    """What WatermelonDB pushes, by table. `last_pulled_at` is ignored: transitions never change."""

    changes: dict[str, TableChanges]
    last_pulled_at: Any = None


@operation(
    "GET", "/sync/rxdb/{collection:str}/pull", access=device(Action.SYNC_READ), fails=("not_found",)
)
async def pull_documents(
    request: DeviceRequest, collection: Collection, query: DocumentsQuery
) -> Documents:
    """Pull documents of one collection, in the shape of RxDB's replication.

    A page that is not full is the last. A checkpoint that cannot be continued is answered from
    the start, with `resync`.
    """
    key = services(request).settings.secret.encode()
    return await rxdb.pull(request.user, collection, query.cursor, key, query.limit)


@operation("POST", "/sync/rxdb/transitions/push", access=device(Action.SYNC_PUSH), singly=True)
async def push_documents(
    request: DeviceRequest, query: ClockQuery, body: list[ChangeRow]
) -> list[Document]:
    """Push transitions as RxDB's replication sends them.

    Answers the documents that differ on the server: each one that has no verdict yet, with
    `status` and `reason`. A fault of one is its `reason` and does not affect the others.
    """
    pushed = await rxdb.push(request.user, body, query.clock)
    if pushed.changed:
        services(request).ring(Job.PLAN)
    return pushed.conflicts


@operation(
    "GET",
    "/sync/rxdb/{collection:str}/stream",
    access=device(Action.SYNC_READ),
    answer=EventStream,
    fails=("not_found",),
)
async def stream_documents(request: DeviceRequest, collection: Collection) -> Events:
    """Listen to RxDB's pull stream: `"RESYNC"` whenever a pull of any collection may bring changes.

    One stream serves all collections: each of them may pull at each event.
    """
    scope, live = request.user, services(request).live
    ticks = live.technician(scope.account, scope.technician, scope.device)
    return Events(ticks, always(RESYNC))


@operation("GET", "/sync/watermelon/pull", access=device(Action.SYNC_READ))
async def pull_tables(request: DeviceRequest, query: NumberQuery) -> Pulled:
    """Pull all changes since a number, in the shape of WatermelonDB's `synchronize`.

    Without a number, or with one that cannot be continued, everything is sent with the strategy to
    replace what the device stores, except for its transitions.
    """
    key = services(request).settings.secret.encode()
    number = query.last_pulled_at if query.migration is None else None
    return await watermelon.pull(request.user, number, query.cursor, key)


@operation("POST", "/sync/watermelon/push", access=device(Action.SYNC_PUSH), singly=True)
async def push_tables(request: DeviceRequest, query: ClockQuery, body: LocalChanges) -> RowVerdicts:
    """Push local changes in the shape of WatermelonDB's `synchronize`.

    Only transitions are accepted. Rows that must not be marked as synced are rejected: changes of
    other tables, and transitions that were refused or parked and do not show it yet.
    """
    verdicts, changed = await watermelon.push(request.user, body.changes, query.clock)
    if changed:
        services(request).ring(Job.PLAN)
    return verdicts


ROUTES: Final[list[ControllerRouterHandler]] = [
    pull_documents,
    push_documents,
    stream_documents,
    pull_tables,
    push_tables,
]
