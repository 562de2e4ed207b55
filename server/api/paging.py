"""Pages of a list: in the order of ids, the next one after the last id seen."""

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeAlias, TypeVar
from uuid import UUID

from msgspec import Meta, Struct

from sync.records.shapes import MOST_RECORDS

T = TypeVar("T")

Limit: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_RECORDS)]


class Paging(Struct, frozen=True, forbid_unknown_fields=True):
    """Which page. `after`: the last id of the page before."""

    limit: Limit = 100
    after: UUID | None = None


class CodePaging(Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of states. `after`: the last code of the page before."""

    limit: Limit = 100
    after: Annotated[str, Meta(max_length=64)] | None = None


class Listing(Struct, Generic[T], frozen=True):
    """One page. `next`: what to ask for as `after`, or null where nothing follows."""

    items: Sequence[T]
    next: str | None


def listing(items: Sequence[Any], limit: int, key: str = "id") -> Listing[Any]:
    """The first `limit` of `items`, of which one more was read to know whether others follow."""
    page = items[:limit]
    more = len(items) > limit
    return Listing(page, str(getattr(page[-1], key)) if more else None)
