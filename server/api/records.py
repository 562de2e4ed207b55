"""A kind of record, and how records of it are stored."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from litestar import Request
from msgspec import Meta, Struct
from piccolo.table import Table

from mail.worker.jobs import Job
from server.access.principals import Principal, actor_of, asked_by, confirm
from server.access.rights import Action
from server.access.security_log import note, peer_of
from server.services import services
from sync.database import Tx, run, tx
from sync.errors import FieldError

Key: TypeAlias = UUID | str
ApiRequest: TypeAlias = Request[Principal, Any, Any]


class Stored(Struct, frozen=True):
    """The keys of records that were stored, in the order given.

    `changed`: there is work for planning. `deactivated`: users who may not sign in any more.
    """

    ids: list[Key]
    changed: bool = False
    deactivated: Sequence[UUID] = ()


class RecordKind(Struct, frozen=True, kw_only=True):
    """A kind of record: its names, its types and its functions in `sync.records`.

    `put`: the type of a record that is sent; `record`: of one in a list; `whole`: of one that is
    read alone, where it has more fields. `store`: creates or updates. `needed`: fields that a new
    record must have. `grants`: storing one may grant rights, so that the caller's own are confirmed
    in the same transaction. `coded`: identified by a code, not by an id and an external id; `table`
    is where external ids are looked up.
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
        """The type of a record that is read alone."""
        return self.whole or self.record

    @property
    def named(self) -> Any:
        """The type of a record that is sent: with an id, or with all fields that are needed.

        A kind that is `coded` always has its code.
        """
        names = () if self.coded else ("id", "external_id")
        either = [{"required": list(self.needed)}, *({"required": [name]} for name in names)]
        schema = {"anyOf": either} if names else {}
        return Annotated[self.put, Meta(extra_json_schema=schema)]

    @property
    def names(self) -> str:
        """The field that identifies a record, for documentation."""
        return "code" if self.coded else "id"

    @property
    def rule(self) -> str:
        """Which fields may be left out, for documentation."""
        needed = ", ".join(f"`{field}`" for field in self.needed)
        return f"A field left out keeps what it was; a new {self.noun} needs {needed}."

    @property
    def path(self) -> str:
        """The path of the kind's routes."""
        return f"/{self.plural.replace(' ', '-')}"


async def store(request: ApiRequest, kind: RecordKind, items: Sequence[Any]) -> list[Key]:
    """Store `items` in one transaction, and ring for planning where there is work for it.

    :raises FieldError: one of them cannot be stored; the error says which.
    """

    async def work(opened: Tx) -> Stored:
        if kind.grants:
            await confirm(opened, request, kind.writing)
        return await kind.store(opened, items)

    stored = await run(request.user.account, work, actor_of(request))
    for user in stored.deactivated:
        by = asked_by(request)
        note("user_shut_out", request.user.account, peer_of(request), user=user, by=by)
    if stored.changed:
        services(request).ring(Job.PLAN)
    return stored.ids


async def store_one(request: ApiRequest, kind: RecordKind, item: Any) -> Any:
    """Store `item` and read it back.

    :raises FieldError: it cannot be stored; its fields are those of the body.
    """
    try:
        (key,) = await store(request, kind, [item])
    except FieldError as error:
        error.item = error.external_id = None
        raise
    async with tx(request.user.account) as opened:
        return await kind.get(opened, key)
