"""Five routes for each kind of record: list, read, create, put by external id, put many."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from msgspec import Meta, Struct
from piccolo.table import Table

from mail.worker.jobs import Job
from server.access.guards import api
from server.access.principals import Principal, actor_of, asked_by, confirm
from server.access.rights import Action
from server.access.security_log import note, peer_of
from server.api.operation import Method, Operation, route
from server.api.paging import CodePaging, Listing, Paging, listing
from server.http.problems import BadBodyError, Fault
from server.services import services
from sync.database import Tx, run, tx
from sync.errors import FieldError
from sync.messages import StateCode
from sync.records.reading import id_of
from sync.records.shapes import ExternalId

T = TypeVar("T")
Key: TypeAlias = UUID | str
ApiRequest: TypeAlias = Request[Principal, Any, Any]
Handler: TypeAlias = Callable[..., Awaitable[Any]]

#: Where records are found by the id of another system, whatever separators are in it.
EXTERNAL: Final = "/external/{external_id:path}"
SLASHES: Final = "Slashes of the id stand in the path as they are, or as `%2F`."
ERRORS: Final = "An error names its item (`/items/273/email`) and the item's `external_id`."

#: What any writing of a record may be answered with.
WRITE_FAILS = ("bad_field", "bad_text", "bad_address", "unknown_reference", "taken")


class Stored(Struct, frozen=True):
    """Keys in the order given; `changed`: planning has something to do.

    `shut_out`: users who may not come in any more.
    """

    ids: list[Key]
    changed: bool = False
    shut_out: Sequence[UUID] = ()


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of record: its words, its shapes and the functions of `sync` that keep it.

    `record`: in a list; `whole`: read alone, if that says more. `store` creates or updates.
    `needed`: fields without which none is created. `grants`: putting one gives somebody rights, so
    who asks must still have them when it is done. `coded`: named by a code of its own rather
    than by ids, of which `table` tells the one that belongs to an external id.
    """

    plural: str
    noun: str
    put: Any
    record: Any
    whole: Any = None
    store: Callable[[Tx, Sequence[Any]], Awaitable[Stored]]
    get: Callable[[Tx, Any], Awaitable[Any]]
    page: Callable[[Tx, int, Any], Awaitable[Sequence[Any]]]
    table: type[Table]
    needed: tuple[str, ...]
    reading: Action
    writing: Action
    grants: bool = False
    coded: bool = False

    @property
    def alone(self) -> Any:
        """The shape of one record."""
        return self.whole or self.record

    @property
    def named(self) -> Any:
        """The shape of what is put: it names a record that exists, or has what a new one needs.

        States have a code in any case.
        """
        names = () if self.coded else ("id", "external_id")
        either = [{"required": list(self.needed)}, *({"required": [name]} for name in names)]
        schema = {"anyOf": either} if names else {}
        return Annotated[self.put, Meta(extra_json_schema=schema)]

    @property
    def names(self) -> str:
        """What names a record of this kind, in words."""
        return "code" if self.coded else "id"

    @property
    def rule(self) -> str:
        """What must be said of a record, in words."""
        needed = ", ".join(f"`{field}`" for field in self.needed)
        return f"A field left out keeps what it was; a new {self.noun} needs {needed}."

    @property
    def path(self) -> str:
        """Where its routes start."""
        return f"/{self.plural.replace(' ', '-')}"


class Batch(Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """Several records at once, all of them or none; at most 500, none of them twice."""

    items: list[T]


class Ids(Struct, frozen=True):
    """The ids (codes, for states) of what was put, in the order given."""

    ids: list[str]


async def store(request: ApiRequest, kind: Kind, items: Sequence[Any]) -> list[Key]:
    """Put `items` in one transaction and ring for planning when that gave it work.

    :raises FieldError: one of them cannot be kept; the error says which.
    """

    async def work(opened: Tx) -> Stored:
        if kind.grants:
            await confirm(opened, request, kind.writing)
        return await kind.store(opened, items)

    stored = await run(request.user.account, work, actor_of(request))
    for user in stored.shut_out:
        by = asked_by(request)
        note("user_shut_out", request.user.account, peer_of(request), user=user, by=by)
    if stored.changed:
        services(request).ring(Job.PLAN)
    return stored.ids


async def store_one(request: ApiRequest, kind: Kind, item: Any) -> Any:
    """Put `item` and read it back.

    :raises FieldError: it cannot be kept; its fields are those of the body.
    """
    try:
        (key,) = await store(request, kind, [item])
    except FieldError as error:
        error.item = error.external_id = None
        raise
    async with tx(request.user.account) as opened:
        return await kind.get(opened, key)


def routes_of(kind: Kind) -> list[HTTPRouteHandler]:
    """The routes of `kind`."""
    made = [_list(kind), _read(kind), _create(kind), _put_many(kind)]
    return made if kind.coded else [*made, _read_external(kind), _put_external(kind)]


def _route(
    kind: Kind, method: Method, tail: str, verb: str, function: Handler, **spoken: Any
) -> HTTPRouteHandler:
    operation = Operation(
        name=f"{verb}_{kind.plural.replace(' ', '_')}",
        description=spoken.pop("description", ""),
        path_parameters=spoken.pop("path_parameters", {}),
        body=spoken.pop("body", None),
        query=spoken.pop("query", None),
        access=api(spoken.pop("action", kind.writing)),
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
        action=kind.reading,
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
        "/{key:path}" if kind.coded else "/{key:uuid}",
        "read",
        read,
        summary=f"Read one {kind.noun}.",
        path_parameters={"key": key_type},
        answer=kind.alone,
        action=kind.reading,
        fails=("not_found",),
    )


def _create(kind: Kind) -> HTTPRouteHandler:
    async def create(request: ApiRequest, body: Any) -> Any:
        return await store_one(request, kind, body)

    return _route(
        kind,
        "POST",
        "",
        "create",
        create,
        summary=f"Create a {kind.noun}, or update the one with the same {kind.names}.",
        description=kind.rule,
        body=kind.named,
        answer=kind.alone,
        status=201,
    )


def _read_external(kind: Kind) -> HTTPRouteHandler:
    async def read(request: ApiRequest, external_id: str) -> Any:
        async with tx(request.user.account) as opened:
            key = await id_of(opened, kind.table, external_id)
            return await kind.get(opened, key)

    return _route(
        kind,
        "GET",
        EXTERNAL,
        "read_external",
        read,
        summary=f"Read the {kind.noun} that another system calls by this id.",
        description=SLASHES,
        path_parameters={"external_id": ExternalId},
        answer=kind.alone,
        action=kind.reading,
        fails=("not_found",),
    )


def _put_external(kind: Kind) -> HTTPRouteHandler:
    async def put(request: ApiRequest, external_id: str, body: Any) -> Any:
        if body.external_id not in (msgspec.UNSET, external_id):
            raise BadBodyError(Fault("/external_id", "bad_value", "not the one of the address"))
        named = msgspec.structs.replace(body, external_id=external_id)
        return await store_one(request, kind, named)

    return _route(
        kind,
        "PUT",
        EXTERNAL,
        "put",
        put,
        summary=f"Create or update the {kind.noun} that another system calls by this id.",
        description=f"{kind.rule} {SLASHES}",
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
        description=f"{kind.rule} None may stand there twice. {ERRORS}",
        body=Batch[kind.named],  # type: ignore[name-defined]  # a type made at run time
        answer=Ids,
        fails=(*WRITE_FAILS, "too_many"),
    )
