"""Completed tasks without an address: whom nobody could ask."""

from datetime import date
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct
from msgspec.structs import asdict

from mail.consent.without_address import Filters, WithoutAddress, read_without_address
from server.access.guards import api
from server.access.principals import Principal
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import Limit, Listing, listing, read_place, write_place
from sync.database import tx

ApiRequest: TypeAlias = Request[Principal, Any, Any]


class UnaddressedTask(WithoutAddress, frozen=True, kw_only=True):
    """A completed task that no survey could be sent for, by its last such decision."""

    @property
    def place(self) -> str:
        """The value of `after` for the page behind this entry."""
        return write_place(self.at, self.transition)


class UnaddressedQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the list; of one `day` of completion, or one task `type`.

    `after`: the `next` of the page before.
    """

    day: date | None = None
    type: UUID | None = None
    limit: Limit = 100
    after: Annotated[str, Meta(max_length=100)] | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: `after` is no `next` of a page."""
        read_place(self.after)


@operation("GET", "/without-address", access=api(Action.COMPLETION_READ))
async def list_without_address(
    request: ApiRequest, query: UnaddressedQuery
) -> Listing[UnaddressedTask]:
    """List completed tasks whose customer could not be asked: no usable address, the last first.

    Enter an address at the customer or place (`fields` says which is asked). That sends nothing by
    itself.
    """
    filters = Filters(query.day, query.type, read_place(query.after))
    async with tx(request.user.account) as opened:
        found = await read_without_address(opened, filters, query.limit + 1)
    return listing([UnaddressedTask(**asdict(item)) for item in found], query.limit, "place")


ROUTES: Final[list[ControllerRouterHandler]] = [list_without_address]
