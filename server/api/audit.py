"""The audit log, for administrators."""

from typing import Annotated, Any, Final, TypeAlias

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct
from msgspec.structs import asdict

from server.access.guards import api
from server.access.principals import Principal
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import Limit, Listing, listing, read_place, write_place
from sync import audit
from sync.database import tx
from sync.validation import check_line

ApiRequest: TypeAlias = Request[Principal, Any, Any]


class AuditEntry(audit.Entry, frozen=True, kw_only=True):
    """One change. `actor`: user/ID, token/START of its id, code, customer, terminal or system.

    `object`: kind/ID. `before`, `after`: the fields that differ; null where the change has only the
    other of them.
    """

    @property
    def place(self) -> str:
        """The value of `after` for the page behind this entry."""
        return write_place(self.at, self.id)


class AuditQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of all changes, or of those of one `object`, such as customer/ID.

    `after`: the `next` of the page before.
    """

    object: Annotated[str, Meta(max_length=200)] | None = None
    limit: Limit = 100
    after: Annotated[str, Meta(max_length=100)] | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: `object` is not one plain line, or `after` no `next` of a page."""
        if self.object is not None:
            check_line("object", self.object)
        read_place(self.after)


@operation("GET", "/audit", access=api(Action.AUDIT_READ))
async def list_changes(request: ApiRequest, query: AuditQuery) -> Listing[AuditEntry]:
    """List who changed what, the newest first.

    Records, campaigns, tokens, codes, devices and passwords (without their values); not what
    devices push, which is in the timelines of tasks. An entry is committed with its change.
    """
    async with tx(request.user.account) as opened:
        found = await audit.read(opened, query.limit + 1, query.object, read_place(query.after))
    return listing([AuditEntry(**asdict(entry)) for entry in found], query.limit, "place")


ROUTES: Final[list[ControllerRouterHandler]] = [list_changes]
