"""Replay: what a campaign would have sent, and one task tried with it; nothing is sent."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct, field

from mail.message.template import Origin
from mail.replay.lines import Line
from mail.replay.run import MOST_DAYS, USUAL_DAYS, Wanted, replay_campaign
from mail.replay.trying import Tried, named_task, try_one
from server.access.guards import api
from server.access.principals import Principal
from server.access.rights import Action
from server.api.decisions import Ids, Outcome
from server.api.operation import operation
from server.api.paging import Limit, Place, fitted, read_place, write_place
from server.http.middleware.fair_queue import without_slot
from server.services import services
from sync.database import tx

ApiRequest: TypeAlias = Request[Principal, Any, Any]
Days: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_DAYS)]


class ReplayQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of a replay. `days`: of 24 hours, up to now. `outcome`: of the items.

    `unit`: any of these with those below them, where they are given. `after`: the `next` of the
    page before.
    """

    days: Days = USUAL_DAYS
    outcome: Outcome | None = None
    unit: Ids = field(default_factory=list)
    limit: Limit = 100
    after: Annotated[str, Meta(max_length=200)] | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: `after` is no `next` of a page."""
        self.read_after()

    def read_after(self) -> Place | None:
        """Where the page before ended; None on the first page."""
        return read_place(self.after)


class TryQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """The task to try: its id, or its number."""

    task: Annotated[str, Meta(min_length=1, max_length=200)]


class ReplayAnswer(Struct, frozen=True):
    """What a campaign would have done from `since` until `until` (UTC).

    `version`: of the campaign. `counts`: its decisions by outcome, whatever the items are.
    """

    campaign: UUID
    version: int
    since: datetime
    until: datetime
    counts: dict[str, int]
    items: Sequence[Line]
    next: str | None


@operation(
    "GET",
    "/campaigns/{key:uuid}/replay",
    access=api(Action.DECISION_READ),
    fails=("not_found", "conflict", "too_many_tasks", "unavailable"),
)
async def replay(request: ApiRequest, key: UUID, query: ReplayQuery) -> ReplayAnswer:
    """Replay a campaign: what its newest version would have sent in the last days, and why not.

    It is as if the campaign had been active from the start of these days: each transition arrives
    when it was received, and each survey is judged at its release by what was known then. Addresses
    are those of today, other campaigns' surveys do not count, and pauses that ended count as they
    were. Nothing is sent or stored. The transitions of these days that the campaign selects are
    counted by outcome and listed, the newest first; of 10^5 tasks it takes about half a minute.
    """
    wanted = Wanted(
        days=query.days,
        outcome=query.outcome,
        units=query.unit,
        limit=query.limit,
        after=query.read_after(),
    )
    account = request.user.account
    read = partial(replay_campaign, account, key, wanted)
    found = await without_slot(services(request).long_reads.run(account, request.receive, read))
    items = fitted(found.lines, query.limit)
    has_more = found.more or len(items) < len(found.lines)
    return ReplayAnswer(
        campaign=key,
        version=found.version,
        since=found.since,
        until=found.until,
        counts=found.counts,
        items=items,
        next=write_place(items[-1].moment, items[-1].transition) if has_more else None,
    )


@operation(
    "GET",
    "/campaigns/{key:uuid}/try",
    access=api(Action.DECISION_READ),
    fails=("not_found", "conflict"),
)
async def try_task(request: ApiRequest, key: UUID, query: TryQuery) -> Tried:
    """Try a campaign on one task: each decision with its reason, release and address, and the mail.

    It is as if the campaign's newest version had been active from before the task began. What still
    waits is foretold; neither mute window nor cap count. The mail is the one that would be
    sent, but its links lead nowhere. Nothing is sent or stored.
    """
    settings = services(request).settings
    async with tx(request.user.account) as opened:
        task = await named_task(opened, query.task)
        return await try_one(opened, Origin(settings.origin, settings.mail_from), key, task)


ROUTES: Final[list[ControllerRouterHandler]] = [replay, try_task]
