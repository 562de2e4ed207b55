"""Reading the ledger: decisions, the newest transitions first, and completed tasks by outcome."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
from msgspec import Struct

from mail.campaigns.cache import read_company
from mail.ledger.counting import ALL
from mail.ledger.days import end_of, read_zone, start_of
from mail.ledger.outcomes import NOT_SELECTED, OUTCOMES
from mail.planning.plan import SCHEDULED
from rules.criteria import with_units_below
from sync.database import Tx
from sync.validation import check_moment

#: Moment, transition and campaign of a decision: where a page ends.
Place: TypeAlias = tuple[datetime, UUID, UUID]

#: Days that are read where none are named, and the most that may be read at once.
USUAL_DAYS: Final = 30
MOST_DAYS: Final = 366

#: Before all that there is.
_NEWEST: Final = UUID(int=2**128 - 1)


class Wanted(Struct, frozen=True, kw_only=True):
    """Any of these values; empty for all. `units`: with those below them."""

    campaigns: Sequence[UUID] = ()
    outcomes: Sequence[str] = ()
    units: Sequence[UUID] = ()


class Ledger(Struct, frozen=True, kw_only=True):
    """What is asked of the ledger. `first`, `last`: civil days of the account, in its `zone`.

    `wanted`: what of these days.
    """

    zone: ZoneInfo
    first: date
    last: date
    wanted: Wanted


class Counts(Struct, frozen=True):
    """Completed tasks of one campaign, or of all together where `campaign` is null.

    `completed`: those `asked` about, and those of each reason why not. A task counts once for each
    of its rounds that was completed, on the day of that, by the decision that stands for the round.
    """

    campaign: UUID | None
    completed: int
    asked: int
    reasons: dict[str, int]


#: The columns of a page, its last row where the next one starts.
_PAGE: Final = """
SELECT p.campaign, c.name AS campaign_name, p.transition, p.task, t.title, t.external_id, p.round,
  n.state, p.unit, u.name AS unit_name, p.outcome, p.moment, p.release, p.decided_at,
  CASE WHEN p.outcome IN ('muted', 'capped') THEN p.kept_back_by END AS kept_back_by
FROM ({rows}) p
LEFT JOIN LATERAL (SELECT name FROM campaign WHERE account = $1 AND id = p.campaign LIMIT 1) c
  ON true
LEFT JOIN LATERAL (SELECT title, external_id FROM task WHERE account = $1 AND id = p.task LIMIT 1) t
  ON true
LEFT JOIN LATERAL (SELECT state FROM transition WHERE account = $1 AND id = p.transition LIMIT 1) n
  ON true
LEFT JOIN LATERAL (SELECT name FROM unit WHERE account = $1 AND id = p.unit LIMIT 1) u ON true
ORDER BY p.moment DESC, p.transition DESC, p.campaign DESC
"""
_BOUNDS: Final = """
  account = $1 AND moment >= $2 AND moment < $3
  AND (moment, transition, campaign) < ($4, $5, $6)
  AND ($7::uuid[] IS NULL OR unit = ANY($7))
"""
#: By the index of moments.
_ALL_ROWS: Final = _PAGE.format(
    rows=f"""
    SELECT * FROM decision WHERE {_BOUNDS}
    ORDER BY moment DESC, transition DESC, campaign DESC LIMIT $8
    """  # noqa: S608 - our own text
)
#: The newest of each campaign and outcome by the index of outcomes, and of these the newest.
_SOME_ROWS: Final = _PAGE.format(
    rows=f"""
    SELECT d.* FROM unnest($9::uuid[]) AS wanted (campaign), unnest($10::text[]) AS said (outcome)
    CROSS JOIN LATERAL (
      SELECT * FROM decision
      WHERE {_BOUNDS} AND campaign = wanted.campaign AND outcome = said.outcome
      ORDER BY moment DESC, transition DESC LIMIT $8) d
    ORDER BY d.moment DESC, d.transition DESC, d.campaign DESC LIMIT $8
    """  # noqa: S608 - our own text
)
_CAMPAIGNS: Final = "SELECT id FROM campaign WHERE account = $1"
_COUNTS: Final = """
SELECT campaign, outcome, sum(tasks)::bigint AS tasks
FROM ledger_count
WHERE account = $1 AND day = ANY($2) AND campaign = ANY($3)
  AND ($4::uuid[] IS NULL OR unit = ANY($4))
GROUP BY campaign, outcome
"""


def check_days(first: date | None, last: date | None) -> None:
    """Accept days in their order, or without one of them.

    :raises ValueError: they are not, are more than `MOST_DAYS`, or lie where no calendar is sure.
    """
    for day in (first, last):
        if day is not None and not 1900 <= day.year <= 9000:
            raise ValueError("days are from 1900 to 9000")
    if first is not None and last is not None and not 0 <= (last - first).days < MOST_DAYS:
        raise ValueError(
            f"the first day is not after the last, and at most {MOST_DAYS} days are read"
        )


def write_place(place: Place) -> str:
    """The text that leads to the page behind a decision, as `read_place` reads it."""
    moment, transition, campaign = place
    return f"{moment.isoformat()}_{transition}_{campaign}"


def read_place(text: str) -> Place:
    """The place that `write_place` wrote.

    :raises ValueError: it did not write this.
    """
    moment, transition, campaign = text.split("_")
    seen = datetime.fromisoformat(moment)
    if seen.tzinfo is None:
        raise ValueError("this is not where a page ends")
    check_moment(seen)
    return seen, UUID(transition), UUID(campaign)


async def open_ledger(tx: Tx, first: date | None, last: date | None, wanted: Wanted) -> Ledger:
    """The ledger of the days from `first` to `last`; without both, of the last `USUAL_DAYS`.

    Without one of them it is as many days up to or from the other.
    """
    zone = await read_zone(tx)
    length = timedelta(days=USUAL_DAYS - 1)
    if last is None:
        last = tx.now.astimezone(zone).date() if first is None else first + length
    return Ledger(zone=zone, first=first or last - length, last=last, wanted=wanted)


async def read_decisions(
    tx: Tx, ledger: Ledger, after: Place | None, most: int
) -> list[asyncpg.Record]:
    """At most `most` decisions on transitions of these days, the newest first.

    `after`: the place of the last one on the page before.
    """
    end = end_of(ledger.last, ledger.zone)
    bounds = (
        start_of(ledger.first, ledger.zone),
        end,
        *(after or (end, _NEWEST, _NEWEST)),
        await _units(tx, ledger.wanted.units),
        most,
    )
    if not ledger.wanted.campaigns and not ledger.wanted.outcomes:
        return await tx.fetch(_ALL_ROWS, tx.account, *bounds)
    campaigns = ledger.wanted.campaigns or [
        row["id"] for row in await tx.fetch(_CAMPAIGNS, tx.account)
    ]
    outcomes = ledger.wanted.outcomes or OUTCOMES
    wanted = (list(dict.fromkeys(campaigns)), list(dict.fromkeys(outcomes)))
    return await tx.fetch(_SOME_ROWS, tx.account, *bounds, *wanted)


async def read_counts(tx: Tx, ledger: Ledger) -> list[Counts]:
    """The completed tasks of these days and units by outcome, for each campaign that was named.

    Without any, for all campaigns together. `outcomes` leave nothing out. A change
    is counted within seconds.
    """
    length = (ledger.last - ledger.first).days + 1
    days = [ledger.first + timedelta(days=number) for number in range(length)]
    campaigns = list(dict.fromkeys(ledger.wanted.campaigns))
    units = await _units(tx, ledger.wanted.units)
    found: dict[UUID, dict[str, int]] = {ALL: {}}
    for row in await tx.fetch(_COUNTS, tx.account, days, [ALL, *campaigns], units):
        found.setdefault(row["campaign"], {})[row["outcome"]] = row["tasks"]
    completed = sum(found[ALL].values())
    if not campaigns:
        return [_counts(None, completed, found[ALL])]
    return [_counts(campaign, completed, found.get(campaign, {})) for campaign in campaigns]


def _counts(campaign: UUID | None, completed: int, tasks: Mapping[str, int]) -> Counts:
    """The counts; the tasks that a campaign decided nothing about are `not_selected`."""
    reasons = {outcome: tasks[outcome] for outcome in sorted(tasks) if outcome != SCHEDULED}
    if rest := completed - sum(tasks.values()):
        reasons[NOT_SELECTED] = rest
    return Counts(campaign, completed, tasks.get(SCHEDULED, 0), reasons)


async def _units(tx: Tx, units: Sequence[UUID]) -> list[UUID] | None:
    """`units` with those below them; None for all."""
    if not units:
        return None
    return list(with_units_below(units, (await read_company(tx)).children))
