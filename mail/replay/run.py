"""Replaying a campaign on all tasks of a period, in several short transactions that only read."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from heapq import nlargest
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from mail.campaigns.cache import read_company
from mail.ledger.outcomes import OUTCOMES
from mail.replay.addresses import People, Survey
from mail.replay.as_if import AsIf, read_as_if
from mail.replay.lines import Line, Scheduled, read_histories, replayed
from rules.criteria import with_units_below
from rules.timing import EARLIEST
from sync.database import Tx, tx
from sync.errors import FieldError

USUAL_DAYS: Final = 90
MOST_DAYS: Final = 366
#: Tasks of one replay, which bounds its memory: about a kilobyte for each survey.
MOST_TASKS: Final = 200_000
#: Tasks that are read in one transaction.
CHUNK: Final = 250

#: Whatever happened to a task in the period, its last transition is no earlier.
_TASKS: Final = """
SELECT id FROM task WHERE account = $1 AND state_moment >= $2
ORDER BY state_moment DESC, id::text LIMIT $3
"""

#: Most tasks are of other campaigns, or on their way: their histories need not be read.
_CONCERNED: Final = """
SELECT DISTINCT task FROM transition
WHERE account = $1 AND task = ANY($2) AND type = ANY($3) AND state = ANY($4)
"""

_TITLES: Final = "SELECT id, title, external_id FROM task WHERE account = $1 AND id = ANY($2)"


class TooManyTasksError(FieldError):
    """More tasks changed in the period than are replayed at once (409)."""

    code = "too_many_tasks"

    def __init__(self) -> None:
        super().__init__("days", f"more than {MOST_TASKS} tasks changed in them")


class Wanted(Struct, frozen=True, kw_only=True):
    """What is wanted of a replay.

    `days`: each of 24 hours, up to now. `outcome`: `scheduled` or a reason, None for all lines.
    `units`: lines of these and of those below them alone are counted and listed; none for all.
    `limit`: of lines. `after`: moment and transition of the last line of the page before.
    """

    days: int = USUAL_DAYS
    outcome: str | None = None
    units: Sequence[UUID] = ()
    limit: int = 50
    after: tuple[datetime, UUID] | None = None


class Replay(Struct, frozen=True, kw_only=True):
    """What a campaign, called `name`, would have done from `since` until `until` (UTC).

    `version`: of the campaign. `counts`: transitions by outcome. `lines`: of one outcome or all,
    the newest first. `more`: there are more behind them.
    """

    campaign: UUID
    name: str
    version: int
    since: datetime
    until: datetime
    counts: dict[str, int]
    lines: Sequence[Line]
    more: bool


class _Found:
    """The lines so far: counted, and of those that are wanted the first of the page."""

    def __init__(self, wanted: Wanted, units: Collection[UUID] | None) -> None:
        self._wanted, self._units = wanted, units
        self._counts: Counter[str] = Counter()
        self._kept: list[Line] = []
        after = wanted.after
        self._before = None if after is None else (after[0], after[1].int)
        #: Of the last line of a full page; older ones are on none.
        self._last = (EARLIEST, 0)

    def add(self, lines: Iterable[Line]) -> None:
        """Count lines, and keep those that may be on the page."""
        for line in lines:
            if self._units is not None and line.unit not in self._units:
                continue
            self._counts[line.outcome] += 1
            if self._wanted.outcome not in {None, line.outcome}:
                continue
            place = line.place
            if (self._before is None or place < self._before) and place > self._last:
                self._kept.append(line)
                if len(self._kept) > 4 * self._wanted.limit:
                    self._kept = self.page()
                    self._last = self._kept[-1].place

    def page(self) -> list[Line]:
        """The lines of the page, the newest first, and one more if there are more."""
        return nlargest(self._wanted.limit + 1, self._kept, key=lambda line: line.place)

    def counts(self) -> dict[str, int]:
        """How many lines there are of each outcome that there is, in the order of reasons."""
        return {outcome: self._counts[outcome] for outcome in OUTCOMES if self._counts[outcome]}


async def replay_campaign(account: int, campaign: UUID, wanted: Wanted) -> Replay:
    """Return what a campaign would have sent in the last days, and why not for the rest.

    It is as if its newest version had been active from the start of them. To be called outside a
    transaction. What takes the processor long is done in a thread.

    :raises MissingError: the account has no such campaign.
    :raises CampaignStatusError: it is archived.
    :raises TooManyTasksError: see there.
    """
    async with tx(account) as opened:
        since = opened.now - timedelta(days=wanted.days)
        as_if = await read_as_if(opened, campaign, since)
        rows = await opened.fetch(_TASKS, account, since, MOST_TASKS + 1)
        below = (await read_company(opened)).children if wanted.units else {}
    if len(rows) > MOST_TASKS:
        raise TooManyTasksError
    found = _Found(wanted, with_units_below(wanted.units, below) if wanted.units else None)
    async for lines in _lines(account, as_if, [row["id"] for row in rows]):
        await asyncio.to_thread(found.add, lines)
    page = found.page()
    async with tx(account) as opened:
        shown = await with_titles(opened, page[: wanted.limit])
    return Replay(
        campaign=campaign,
        name=as_if.name,
        version=as_if.rules.version,
        since=as_if.since,
        until=as_if.until,
        counts=found.counts(),
        lines=shown,
        more=len(page) > wanted.limit,
    )


async def _lines(account: int, as_if: AsIf, tasks: Sequence[UUID]) -> AsyncIterator[Iterable[Line]]:
    """Yield the lines of `tasks`: those of which no address decides, then the others."""
    types = {task_type for rule in as_if.rules.rules for task_type in rule.task_types}
    states = {state for rule in as_if.rules.rules for state in rule.states}
    people, surveys = People(as_if, as_if.version()), list[Survey]()
    for start in range(0, len(tasks), CHUNK):
        some = tasks[start : start + CHUNK]
        async with tx(account) as opened:
            rows = await opened.fetch(_CONCERNED, account, some, list(types), list(states))
            histories = await read_histories(opened, as_if, [row["task"] for row in rows])
        lines = await asyncio.to_thread(replayed, as_if, histories)
        if scheduled := [line for line in lines if isinstance(line, Scheduled)]:
            async with tx(account) as opened:
                surveys += await people.find(opened, scheduled)
        yield [line for line in lines if isinstance(line, Line)]
    yield people.judge(surveys)


async def with_titles(tx: Tx, lines: Sequence[Line]) -> list[Line]:
    """Return `lines` with the titles and numbers of their tasks."""
    rows = await tx.fetch(_TITLES, tx.account, [line.task for line in lines])
    tasks = {row["id"]: row for row in rows}
    return [
        structs.replace(
            line, title=tasks[line.task]["title"], external_id=tasks[line.task]["external_id"]
        )
        for line in lines
    ]
