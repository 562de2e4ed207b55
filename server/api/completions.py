"""The feed of completed tasks, which programs read on from a cursor."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from mail.planning.completion_feed import Completion, CompletionCursor, read_completions
from server.access.guards import api
from server.access.principals import Principal
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import Limit, fitted
from server.http.cursors import read_cursor, write_cursor
from sync.database import tx

ApiRequest: TypeAlias = Request[Principal, Any, Any]

_read: Final = msgspec.msgpack.Decoder(CompletionCursor).decode


class CompletionQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of completions. `after`: the cursor of an earlier page; missing for the start."""

    limit: Limit = 100
    after: Annotated[str, Meta(max_length=100)] | None = None


class CompletionPage(Struct, frozen=True):
    """Completions in feed order. `cursor`: the `after` of the next request.

    Send it at once while `more`, else at any time later.
    """

    items: Sequence[Completion]
    cursor: str
    more: bool


@operation(
    "GET",
    "/completions",
    access=api(Action.COMPLETION_READ),
    fails=("bad_cursor", "resync"),
)
async def list_completions(request: ApiRequest, query: CompletionQuery) -> CompletionPage:
    """List completed tasks: one row for each first entry into a done or closed state in a round.

    Ask again with `after` = `cursor`. A task whose first entry turns out to be another one, or at
    another moment, is listed again: its later row replaces the earlier. 410 `resync` after the
    database was restored from a backup: start again without `after`.
    """
    after = None if query.after is None else read_cursor(query.after, _read)
    async with tx(request.user.account) as opened:
        found = await read_completions(opened, after, query.limit + 1)
    items = fitted(found.items, query.limit)
    more = len(items) < len(found.items)
    return CompletionPage(items, write_cursor(found.places[len(items)]), more)


ROUTES: Final[list[ControllerRouterHandler]] = [list_completions]
