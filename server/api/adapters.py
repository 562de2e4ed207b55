"""Sync in the shapes of RxDB and WatermelonDB, for apps that keep their tasks in one of them."""

from typing import Annotated, Any, Final, TypeAlias

from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from server.api.devices import EventStream
from server.api.operation import operation
from server.auth import DeviceRequest, device
from server.streaming import Events, event
from sync.adapters import rxdb, watermelon
from sync.adapters.rxdb import ChangeRow, Collection, Documents
from sync.adapters.watermelon import Pulled, RowVerdicts, TableChanges
from sync.feed.pull import MOST_CHANGES
from sync.plain import check_moment
from sync.wire import Moment

#: Numbers up to here are exact in JavaScript.
_MOST: Final = 2**53 - 1

#: What RxDB's pull stream takes for "ask for everything since the checkpoint".
RESYNC: Final = event("message", b'"RESYNC"')

Document: TypeAlias = dict[str, Any]


class DocumentsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`limit`: RxDB's batch size. `cursor`: of the checkpoint; empty or none for the start."""

    limit: Annotated[int, Meta(ge=1, le=MOST_CHANGES)]
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class NumberQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`last_pulled_at`: the number of the last pull; 0 or none for everything.

    `cursor`: of the last pull. It proves what the number cannot: that the server is a restored
    backup, and that everybody must start again.
    """

    last_pulled_at: Annotated[int, Meta(ge=0, le=_MOST)] | None = None
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class ClockQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`device_now`: the device's clock as it pushes, with an offset."""

    device_now: Moment

    def __post_init__(self) -> None:
        """:raises ValueError: for a clock outside the years that can be reckoned with."""
        check_moment(self.device_now)


class LocalChanges(Struct, frozen=True, rename="camel"):
    """What WatermelonDB pushes, by table."""

    changes: dict[str, TableChanges]
    last_pulled_at: int | None = None


@operation("GET", "/sync/rxdb/{collection:str}/pull", access=device, fails=("not_found",))
async def pull_documents(
    request: DeviceRequest, collection: Collection, query: DocumentsQuery
) -> Documents:
    """Pull documents of one collection, as RxDB's replication wants them.

    A page that is not full is the last. A checkpoint that cannot be continued is answered from
    the start with `resync`.
    """
    key = request.app.state.settings.secret.encode()
    return await rxdb.pull(request.user, collection, query.cursor, key, query.limit)


@operation("POST", "/sync/rxdb/transitions/push", access=device, singly=True)
async def push_documents(
    request: DeviceRequest, query: ClockQuery, body: list[ChangeRow]
) -> list[Document]:
    """Push transitions as RxDB's replication sends them.

    Answers the documents that are otherwise here: each one that does not say its verdict yet,
    with `status` and `reason`. What is wrong with one is its `reason` and holds up no other.
    """
    pushed = await rxdb.push(request.user, body, query.device_now)
    if pushed.changed:
        request.app.state.ring("plan")
    return pushed.conflicts


@operation(
    "GET",
    "/sync/rxdb/{collection:str}/stream",
    access=device,
    answer=EventStream,
    fails=("not_found",),
)
async def stream_documents(request: DeviceRequest, collection: Collection) -> Events:
    """Listen to RxDB's pull stream: `"RESYNC"` whenever a pull of some collection may bring news.

    One stream serves all collections: every one of them may ask again at each event.
    """
    device, listening = request.user, request.app.state.live
    ticks = listening.technician(device.account, device.technician, device.device)
    return Events(ticks, _resync)


async def _resync() -> bytes:
    return RESYNC


@operation("GET", "/sync/watermelon/pull", access=device)
async def pull_tables(request: DeviceRequest, query: NumberQuery) -> Pulled:
    """Pull everything since a number, as WatermelonDB's `synchronize` wants it.

    Without a number, or with one that cannot be continued, everything comes with the strategy to
    replace what the device holds; its transitions stay.
    """
    key = request.app.state.settings.secret.encode()
    return await watermelon.pull(request.user, query.last_pulled_at, query.cursor, key)


@operation("POST", "/sync/watermelon/push", access=device, singly=True)
async def push_tables(request: DeviceRequest, query: ClockQuery, body: LocalChanges) -> RowVerdicts:
    """Push local changes as WatermelonDB's `synchronize` gathers them.

    Only transitions are taken in. Rows that must not be marked as synced are rejected: what a
    device changed elsewhere, and transitions that were refused or wait and do not say so yet.
    """
    verdicts, changed = await watermelon.push(request.user, body.changes, query.device_now)
    if changed:
        request.app.state.ring("plan")
    return verdicts


ROUTES: Final[list[ControllerRouterHandler]] = [
    pull_documents,
    push_documents,
    stream_documents,
    pull_tables,
    push_tables,
]
