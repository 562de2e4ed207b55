"""The ledger: each campaign's decision on each transition, and completed tasks by outcome."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct, field

from mail.ledger.outcomes import OUTCOMES
from mail.ledger.reading import (
    Counts,
    Place,
    Wanted,
    check_days,
    open_ledger,
    read_counts,
    read_decisions,
    read_place,
    write_place,
)
from server.access.guards import api
from server.access.principals import Principal
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import Limit, Listing, listing
from sync.database import tx

ApiRequest: TypeAlias = Request[Principal, Any, Any]

#: `scheduled`, or a reason why not.
Outcome: TypeAlias = Annotated[
    str, Meta(pattern=f"^({'|'.join(OUTCOMES)})$", extra_json_schema={"enum": list(OUTCOMES)})
]
#: A parameter that may be given several times.
Outcomes: TypeAlias = Annotated[list[Outcome], Meta(max_length=len(OUTCOMES))]
Ids: TypeAlias = Annotated[list[UUID], Meta(max_length=100)]


class LedgerDays(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Civil days in the account's zone, at most 366; without any the last 30.

    `campaign`, `unit`: any of these, where they are given; units with those below them.
    """

    campaign: Ids = field(default_factory=list)
    unit: Ids = field(default_factory=list)
    first_day: date | None = None
    last_day: date | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: the days are not in order, or too many."""
        check_days(self.first_day, self.last_day)


class DecisionQuery(LedgerDays, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of decisions. `outcome`: any of these. `after`: the `next` of the page before."""

    outcome: Outcomes = field(default_factory=list)
    limit: Limit = 100
    after: Annotated[str, Meta(max_length=200)] | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: the days are not in order, or `after` is no `next` of a page."""
        super().__post_init__()
        self.read_after()

    def read_after(self) -> Place | None:
        """Where the page before ended; None on the first page."""
        return None if self.after is None else read_place(self.after)


class DecisionRecord(Struct, frozen=True):
    """The outcome of a campaign on a transition: `scheduled`, or a reason why it does not ask.

    `moment`, `state`, `unit`: of the transition. `day`: of the moment in the account's zone.
    `external_id`: the task's. `release`: of a scheduled one. `kept_back_by`: of one that
    is `muted` or `capped`, the survey that was in the way, where that is known. Times in UTC.
    """

    campaign: UUID
    transition: UUID
    task: UUID
    external_id: str | None
    round: int
    state: str
    unit: UUID
    outcome: str
    moment: datetime
    day: date
    release: datetime | None
    decided_at: datetime
    kept_back_by: UUID | None

    @property
    def place(self) -> str:
        """The value of `after` for the page behind this decision."""
        return write_place((self.moment, self.transition, self.campaign))


class LedgerCounts(Struct, frozen=True):
    """Completed tasks of these days (both included) in the account's `zone`, by outcome."""

    first_day: date
    last_day: date
    zone: str
    items: Sequence[Counts]


@operation("GET", "/decisions", access=api(Action.DECISION_READ))
async def list_decisions(request: ApiRequest, query: DecisionQuery) -> Listing[DecisionRecord]:
    """List decisions: of each campaign on each transition that its rules select, the newest first.

    In the order of the transitions' moments. `campaign`, `outcome` and `unit` may be given several
    times.
    """
    wanted = Wanted(campaigns=query.campaign, outcomes=query.outcome, units=query.unit)
    async with tx(request.user.account) as opened:
        ledger = await open_ledger(opened, query.first_day, query.last_day, wanted)
        rows = await read_decisions(opened, ledger, query.read_after(), query.limit + 1)
    names = [name for name in DecisionRecord.__struct_fields__ if name != "day"]
    found = [
        DecisionRecord(
            **{name: row[name] for name in names}, day=row["moment"].astimezone(ledger.zone).date()
        )
        for row in rows
    ]
    return listing(found, query.limit, "place")


@operation("GET", "/decisions/counts", access=api(Action.DECISION_READ))
async def count_decisions(request: ApiRequest, query: LedgerDays) -> LedgerCounts:
    """Count completed tasks by outcome: asked, and each reason why not, add up to the completed.

    One item for each `campaign`, or one for all together without any. A task counts once for each
    of its completions, on the day and in the unit of that: by the decision on the transition that
    the survey is about, else by the first that is not `not_first`. Without a decision it is
    `not_selected` by the one campaign, and `no_campaign` of all. For all together a task is asked
    if any campaign asked, else it has the reason of the one that came closest. Changes are counted
    within seconds.
    """
    wanted = Wanted(campaigns=query.campaign, units=query.unit)
    async with tx(request.user.account) as opened:
        ledger = await open_ledger(opened, query.first_day, query.last_day, wanted)
        counts = await read_counts(opened, ledger)
    return LedgerCounts(ledger.first, ledger.last, ledger.zone.key, counts)


ROUTES: Final[list[ControllerRouterHandler]] = [list_decisions, count_decisions]
