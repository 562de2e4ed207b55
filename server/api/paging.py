"""Pages of a list: in the order of ids, the next one after the last id seen."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.http.text_limit import fitting
from sync.records.shapes import MOST_RECORDS

T = TypeVar("T")

MOST_BYTES: Final = 1 << 20

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


def fitted(items: Sequence[T], limit: int) -> Sequence[T]:
    """The first `limit` of `items`.

    Fewer where they would make an answer of more than `MOST_BYTES`; one at least.
    """
    sizes = (len(msgspec.json.encode(item)) for item in items[:limit])
    return items[: fitting(sizes, MOST_BYTES)]


def listing(items: Sequence[Any], limit: int, key: str = "id") -> Listing[Any]:
    """Those of `items` that are `fitted`; one more was read to know whether others follow."""
    page = fitted(items, limit)
    more = len(items) > len(page)
    return Listing(page, str(getattr(page[-1], key)) if more else None)
