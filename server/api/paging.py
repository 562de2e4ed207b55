"""Pages of a list, in the order of ids; a page starts after the last id of the page before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from server.http.text_limit import fitting
from sync.records.shapes import MOST_RECORDS
from sync.validation import check_moment

T = TypeVar("T")

MOST_BYTES: Final = 1 << 20
#: Moment and id of an entry, where lists that begin with the newest are cut into pages.
Place: TypeAlias = tuple[datetime, UUID]

Limit: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_RECORDS)]


class Paging(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of a list. `after`: the last id of the page before."""

    limit: Limit = 100
    after: UUID | None = None


class CodePaging(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of states. `after`: the last code of the page before."""

    limit: Limit = 100
    after: Annotated[str, Meta(max_length=64)] | None = None


def write_place(moment: datetime, key: UUID) -> str:
    """The value of `after` for the page behind an entry, as `read_place` reads it."""
    return f"{moment.isoformat()}_{key}"


def read_place(after: str | None) -> Place | None:
    """The place of the last entry on the page before; None on the first page.

    :raises ValueError: `after` is the `next` of no page.
    """
    if after is None:
        return None
    moment, _, key = after.partition("_")
    seen = datetime.fromisoformat(moment)
    if seen.tzinfo is None:
        raise ValueError("`after` must be the `next` of another page")
    check_moment(seen)
    return seen, UUID(key)


class Listing(Struct, Generic[T], frozen=True):
    """One page. `next`: the `after` of the next page, or null on the last."""

    items: Sequence[T]
    next: str | None


def fitted(items: Sequence[T], limit: int) -> Sequence[T]:
    """The first `limit` of `items`, or fewer that fit into `MOST_BYTES`; at least one, if any."""
    sizes = (len(msgspec.json.encode(item)) for item in items[:limit])
    return items[: fitting(sizes, MOST_BYTES)]


def listing(items: Sequence[Any], limit: int, key: str = "id") -> Listing[Any]:
    """The page of those `items` that are `fitted`.

    `items`: one more than `limit`, if there are more. `key`: the attribute of the last item that is
    the `after` of the next page.
    """
    page = fitted(items, limit)
    more = len(items) > len(page)
    return Listing(page, str(getattr(page[-1], key)) if more else None)
