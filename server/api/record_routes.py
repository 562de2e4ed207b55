"""The routes of each kind of record: list, read, create or update, and the same by external id."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from server.access.guards import api
from server.api.operation import Method, Operation, route
from server.api.paging import CodePaging, Listing, Paging, listing
from server.api.records import ApiRequest, Key, RecordKind, store, store_one
from server.http.problems import BadBodyError, Fault
from sync.database import tx
from sync.messages import StateCode
from sync.records.reading import id_of
from sync.records.shapes import ExternalId

T = TypeVar("T")
Handler: TypeAlias = Callable[..., Awaitable[Any]]

#: The path of a record by its external id, which may contain slashes.
EXTERNAL: Final = "/external/{external_id:path}"
SLASHES: Final = "Slashes of the id stand in the path as they are, or as `%2F`."
ERRORS: Final = "An error names its item (`/items/273/email`) and the item's `external_id`."

#: Codes of errors of every route that writes a record.
WRITE_FAILS: Final = ("bad_field", "bad_text", "bad_address", "unknown_reference", "taken")


class Batch(Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """Records to store, all or none; at most 500, none of them twice."""

    items: list[T]


class Ids(Struct, frozen=True):
    """The ids (codes, for states) of the stored records, in the order given."""

    ids: list[str]


class Handlers:
    """The handlers of one kind of record."""

    def __init__(self, kind: RecordKind) -> None:
        self.kind = kind

    async def read_page(self, request: ApiRequest, query: Any) -> Listing[Any]:
        """A page of records, in the order of their keys."""
        async with tx(request.user.account) as opened:
            items = await self.kind.page(opened, query.limit + 1, query.after)
        return listing(items, query.limit, "code" if self.kind.coded else "id")

    async def read(self, request: ApiRequest, key: Key) -> Any:
        """The record with this key."""
        async with tx(request.user.account) as opened:
            return await self.kind.get(opened, key)

    async def read_external(self, request: ApiRequest, external_id: str) -> Any:
        """The record with this external id."""
        async with tx(request.user.account) as opened:
            key = await id_of(opened, self.kind.table, external_id)
            return await self.kind.get(opened, key)

    async def create(self, request: ApiRequest, body: Any) -> Any:
        """The record that was created or updated."""
        return await store_one(request, self.kind, body)

    async def put_external(self, request: ApiRequest, external_id: str, body: Any) -> Any:
        """The record with this external id, created or updated.

        :raises BadBodyError: the body has another external id.
        """
        if body.external_id not in (msgspec.UNSET, external_id):
            raise BadBodyError(Fault("/external_id", "bad_value", "not the one of the address"))
        named = msgspec.structs.replace(body, external_id=external_id)
        return await store_one(request, self.kind, named)

    async def put_many(self, request: ApiRequest, body: Any) -> Ids:
        """The keys of the records that were created or updated."""
        return Ids([str(key) for key in await store(request, self.kind, body.items)])


def routes_of(kind: RecordKind) -> list[HTTPRouteHandler]:
    """The routes of `kind`; those by external id only where it has external ids."""
    handlers = Handlers(kind)
    routes = [*_in_bulk(kind, handlers), *_by_key(kind, handlers)]
    return routes if kind.coded else [*routes, *_by_external_id(kind, handlers)]


def _in_bulk(kind: RecordKind, handlers: Handlers) -> list[HTTPRouteHandler]:
    return [
        _route(
            kind,
            "GET",
            "",
            "list",
            handlers.read_page,
            summary=f"List {kind.plural}.",
            query=CodePaging if kind.coded else Paging,
            answer=Listing[kind.record],  # type: ignore[name-defined]  # a type made at run time
            fails=(),
        ),
        _route(
            kind,
            "POST",
            "/upsert",
            "upsert",
            handlers.put_many,
            summary=f"Create or update up to 500 {kind.plural}, all or none.",
            description=f"{kind.rule} None may be listed twice. {ERRORS}",
            body=Batch[kind.named],  # type: ignore[name-defined]  # a type made at run time
            answer=Ids,
            fails=(*WRITE_FAILS, "too_many"),
        ),
    ]


def _by_key(kind: RecordKind, handlers: Handlers) -> list[HTTPRouteHandler]:
    key_type: Any = StateCode if kind.coded else UUID
    return [
        _route(
            kind,
            "GET",
            "/{key:path}" if kind.coded else "/{key:uuid}",
            "read",
            handlers.read,
            summary=f"Read one {kind.noun}.",
            path_parameters={"key": key_type},
        ),
        _route(
            kind,
            "POST",
            "",
            "create",
            handlers.create,
            summary=f"Create a {kind.noun}, or update the one with the same {kind.names}.",
            description=kind.rule,
            body=kind.named,
            status=201,
        ),
    ]


def _by_external_id(kind: RecordKind, handlers: Handlers) -> list[HTTPRouteHandler]:
    return [
        _route(
            kind,
            "GET",
            EXTERNAL,
            "read_external",
            handlers.read_external,
            summary=f"Read the {kind.noun} with this external id.",
            description=SLASHES,
            path_parameters={"external_id": ExternalId},
        ),
        _route(
            kind,
            "PUT",
            EXTERNAL,
            "put",
            handlers.put_external,
            summary=f"Create or update the {kind.noun} with this external id.",
            description=f"{kind.rule} {SLASHES}",
            path_parameters={"external_id": ExternalId},
            body=kind.put,
        ),
    ]


def _route(
    kind: RecordKind, method: Method, tail: str, verb: str, handler: Handler, **described: Any
) -> HTTPRouteHandler:
    """A route of `kind`, which answers one record unless `described` says otherwise."""
    is_read = method == "GET"
    fields: dict[str, Any] = {
        "description": "",
        "path_parameters": {},
        "body": None,
        "query": None,
        "answer": kind.alone,
        "status": 200,
        "fails": ("not_found",) if is_read else WRITE_FAILS,
        **described,
    }
    name = f"{verb}_{kind.plural.replace(' ', '_')}"
    access = api(kind.reading if is_read else kind.writing)
    return route(method, kind.path + tail, handler, Operation(name=name, access=access, **fields))
