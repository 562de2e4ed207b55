"""The suppression list: addresses that are not written to, and why."""

from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct
from msgspec.structs import asdict

from mail.consent import suppressions
from mail.consent.suppression_file import Line, import_entries, read_file
from mail.contacts import Suppression
from mail.worker.jobs import Job
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import Limit, Listing, listing, read_place, write_place
from server.services import services
from sync.database import run, tx
from sync.validation import check_line

ApiRequest: TypeAlias = Request[Principal, Any, Any]
Address: TypeAlias = Annotated[str, Meta(max_length=254)]


class SuppressionRecord(suppressions.Suppressed, frozen=True):
    """A suppression. `address`: null once it is erased. `source`: what it comes from."""

    @property
    def place(self) -> str:
        """The value of `after` for the page of the list behind this entry."""
        return write_place(self.since, self.id)


class SuppressionQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the list, the newest first, or of what `search` finds, by address.

    `search`: an address, which is found even when it is erased, or how addresses begin. `after`:
    the `next` of the page before.
    """

    search: Address | None = None
    limit: Limit = 100
    after: Annotated[str, Meta(max_length=300)] | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: `search` is not one plain line, or `after` no `next` of a page."""
        if self.search is not None:
            check_line("search", self.search)
        else:
            read_place(self.after)


class SuppressionOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An address that is not to be written to any more, and why."""

    address: Address
    reason: Suppression


class LiftOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Why an address is written to again; kept in the audit."""

    why: Annotated[str, Meta(min_length=1, max_length=200)]

    def __post_init__(self) -> None:
        """:raises ValueError: the reason is not one plain line."""
        check_line("why", self.why)


class SuppressionFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A CSV file: addresses, and with a second column their reasons (`unsubscribed` without one).

    `file`: its bytes, UTF-8 or Windows-1252; in JSON in base64. `dry_run`: nothing is changed, and
    the answer is the same.
    """

    file: bytes
    dry_run: bool


class ImportResult(Struct, frozen=True):
    """What became of each line."""

    items: list[Line]


@operation("GET", "/suppressions", access=api(Action.SUPPRESSION_READ))
async def list_suppressions(
    request: ApiRequest, query: SuppressionQuery
) -> Listing[SuppressionRecord]:
    """List addresses that are not written to."""
    wanted, search = query.limit + 1, query.search
    async with tx(request.user.account) as opened:
        if search is None:
            found = await suppressions.newest(opened, wanted, read_place(query.after))
        else:
            found = await suppressions.search(opened, search, wanted, query.after or "")
    items = [SuppressionRecord(**asdict(item)) for item in found]
    return listing(items, query.limit, "place" if search is None else "address")


@operation(
    "POST",
    "/suppressions",
    access=api(Action.SUPPRESSION_WRITE),
    status=201,
    fails=("bad_address",),
)
async def add_suppression(request: ApiRequest, body: SuppressionOrder) -> SuppressionRecord:
    """Suppress an address: what waits to it is not sent.

    An address that unsubscribed or complained keeps that reason; another one gives way to these.
    """
    work = partial(suppressions.add, address=body.address, why=body.reason)
    found = await run(request.user.account, work, actor_of(request))
    services(request).ring(Job.DELIVER)
    return SuppressionRecord(**asdict(found))


@operation(
    "POST",
    "/suppressions/{key:uuid}/lift",
    access=api(Action.SUPPRESSION_LIFT),
    fails=("not_found", "conflict"),
)
async def lift_suppression(request: ApiRequest, key: UUID, body: LiftOrder) -> None:
    """Write again to an address that bounced or was full; nobody lifts an unsubscribe so."""
    work = partial(suppressions.lift, contact=key, why=body.why)
    await run(request.user.account, work, actor_of(request))


@operation(
    "POST",
    "/suppressions/import",
    access=api(Action.SUPPRESSION_IMPORT),
    fails=("bad_field", "too_many"),
)
async def import_suppressions(request: ApiRequest, body: SuppressionFile) -> ImportResult:
    """Suppress the addresses of a CSV file, and say of each line what became of it."""
    entries = await read_file(body.file)
    work = partial(import_entries, entries=entries, dry_run=body.dry_run)
    lines = await run(request.user.account, work, actor_of(request))
    services(request).ring(Job.DELIVER)
    return ImportResult(lines)


ROUTES: Final[list[ControllerRouterHandler]] = [
    list_suppressions,
    add_suppression,
    lift_suppression,
    import_suppressions,
]
