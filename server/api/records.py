"""Five routes for each kind of record: list, read, create, put by external id, put many."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from server.api.operation import Method, Operation, route
from server.api.paging import CodePaging, Listing, Paging, listing
from server.auth import Guard, Principal, reads, writes
from server.errors import BadBodyError, Fault
from sync.database import Tx, run, tx
from sync.records.shapes import ExternalId
from sync.wire import StateCode

T = TypeVar("T")
Key: TypeAlias = UUID | str
ApiRequest: TypeAlias = Request[Principal, Any, Any]
Handler: TypeAlias = Callable[..., Awaitable[Any]]

#: What any writing of a record may be answered with.
WRITE_FAILS = ("bad_field", "bad_text", "bad_address", "unknown_reference", "taken")


class Stored(Struct, frozen=True):
    """Keys in the order given; `changed`: planning has something to do."""

    ids: list[Key]
    changed: bool = False


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of record: its words, its shapes and the functions of `sync` that keep it.

    `record`: in a list; `whole`: read alone, if that says more. `store` creates or updates.
    `coded`: named by a code of its own rather than by ids.
    """

    plural: str
    noun: str
    put: Any
    record: Any
    whole: Any = None
    store: Callable[[Tx, Sequence[Any]], Awaitable[Stored]]
    get: Callable[[Tx, Any], Awaitable[Any]]
    page: Callable[[Tx, int, Any], Awaitable[Sequence[Any]]]
    access: Guard = writes
    coded: bool = False

    @property
    def alone(self) -> Any:
        """The shape of one record."""
        return self.whole or self.record

    @property
    def path(self) -> str:
        """Where its routes start."""
        return f"/{self.plural.replace(' ', '-')}"


class Batch(Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """Several records at once, all of them or none; at most 500."""

    items: list[T]


class Ids(Struct, frozen=True):
    """The ids (codes, for states) of what was put, in the order given."""

    ids: list[str]


async def store(request: ApiRequest, kind: Kind, items: Sequence[Any]) -> list[Key]:
    """Put `items` in one transaction and ring for planning when that gave it work."""

    async def work(opened: Tx) -> Stored:
        return await kind.store(opened, items)

    stored = await run(request.user.account, work)
    if stored.changed:
        request.app.state.ring("plan")
    return stored.ids


def routes_of(kind: Kind) -> list[HTTPRouteHandler]:
    """The routes of `kind`."""
    made = [_list(kind), _read(kind), _create(kind), _put_many(kind)]
    return made if kind.coded else [*made, _put_external(kind)]


def _route(
    kind: Kind, method: Method, tail: str, verb: str, function: Handler, **spoken: Any
) -> HTTPRouteHandler:
    operation = Operation(
        name=f"{verb}_{kind.plural.replace(' ', '_')}",
        description="",
        path_parameters=spoken.pop("path_parameters", {}),
        body=spoken.pop("body", None),
        query=spoken.pop("query", None),
        access=spoken.pop("access", kind.access),
        status=spoken.pop("status", 200),
        fails=spoken.pop("fails", WRITE_FAILS),
        **spoken,
    )
    return route(method, kind.path + tail, function, operation)


def _list(kind: Kind) -> HTTPRouteHandler:
    async def read_page(request: ApiRequest, query: Any) -> Listing[Any]:
        async with tx(request.user.account) as opened:
            items = await kind.page(opened, query.limit + 1, query.after)
        return listing(items, query.limit, "code" if kind.coded else "id")

    return _route(
        kind,
        "GET",
        "",
        "list",
        read_page,
        summary=f"List {kind.plural}.",
        query=CodePaging if kind.coded else Paging,
        answer=Listing[kind.record],  # type: ignore[name-defined]  # a type made at run time
        access=reads,
        fails=(),
    )


def _read(kind: Kind) -> HTTPRouteHandler:
    async def read(request: ApiRequest, key: Key) -> Any:
        async with tx(request.user.account) as opened:
            return await kind.get(opened, key)

    key_type: Any = StateCode if kind.coded else UUID
    return _route(
        kind,
        "GET",
        "/{key:str}" if kind.coded else "/{key:uuid}",
        "read",
        read,
        summary=f"Read one {kind.noun}.",
        path_parameters={"key": key_type},
        answer=kind.alone,
        access=reads,
        fails=("not_found",),
    )


def _create(kind: Kind) -> HTTPRouteHandler:
    async def create(request: ApiRequest, body: Any) -> Any:
        (key,) = await store(request, kind, [body])
        async with tx(request.user.account) as opened:
            return await kind.get(opened, key)

    return _route(
        kind,
        "POST",
        "",
        "create",
        create,
        summary=f"Create a {kind.noun}, or update the one with the same id.",
        body=kind.put,
        answer=kind.alone,
        status=201,
    )


def _put_external(kind: Kind) -> HTTPRouteHandler:
    async def put(request: ApiRequest, external_id: str, body: Any) -> Any:
        if body.external_id not in (msgspec.UNSET, external_id):
            raise BadBodyError(Fault("/external_id", "bad_value", "not the one of the address"))
        named = msgspec.structs.replace(body, external_id=external_id)
        (key,) = await store(request, kind, [named])
        async with tx(request.user.account) as opened:
            return await kind.get(opened, key)

    return _route(
        kind,
        "PUT",
        "/external/{external_id:str}",
        "put",
        put,
        summary=f"Create or update the {kind.noun} that another system calls by this id.",
        path_parameters={"external_id": ExternalId},
        body=kind.put,
        answer=kind.alone,
    )


def _put_many(kind: Kind) -> HTTPRouteHandler:
    async def put_many(request: ApiRequest, body: Any) -> Ids:
        return Ids([str(key) for key in await store(request, kind, body.items)])

    return _route(
        kind,
        "POST",
        "/upsert",
        "upsert",
        put_many,
        summary=f"Create or update up to 500 {kind.plural}, all or none.",
        body=Batch[kind.put],  # type: ignore[name-defined]  # a type made at run time
        answer=Ids,
        fails=(*WRITE_FAILS, "too_many"),
    )
