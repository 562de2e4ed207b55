"""Completed tasks are those asked about and those of each reason: in the demo, and among many."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from mail.ledger.counting import ALL
from mail.ledger.days import read_zone
from mail.ledger.outcomes import CLOSEST_LAST, NO_CAMPAIGN, OUTCOMES
from mail.ledger.reading import Wanted, open_ledger, read_counts
from mail.planning.plan import plan_due
from server.console.ledger import SCREENFUL, LedgerQuery, read_ledger
from sync.database import DB, Tx, tx
from tests.mail.campaigns import active
from tests.server.test_api_decisions import count_all
from tests.support.databases import TestDatabase, clone
from tests.support.ledgers import lay_ledger
from tests.support.owner import owning
from tests.support.seeding import seeded
from tests.support.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LAST: Final = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
MANY: Final = 100_000
TIME: Final = timedelta(days=60)
#: Pages of a table or index that a page of the console may read, of some thousands that there are.
MOST_BLOCKS: Final = 2000

#: Day, campaign, unit and outcome.
Key: TypeAlias = tuple[date, UUID, UUID, str]

COMPLETIONS: Final = "SELECT task, round, moment, unit FROM completion WHERE account = $1"
DECISIONS: Final = """
SELECT task, round, campaign, transition, outcome FROM decision WHERE account = $1
ORDER BY moment, transition
"""
INVITATIONS: Final = """
SELECT task, round, campaign, transition FROM invitation WHERE account = $1 AND task IS NOT NULL
"""
COUNTED: Final = "SELECT day, campaign, unit, outcome, tasks FROM ledger_count WHERE account = $1"


async def told_by_rows(opened: Tx) -> Counter[Key]:
    """The counts, as they are told by the rows one after the other."""
    zone = await read_zone(opened)
    standing: dict[tuple[UUID, int, UUID], str] = {}
    asked = {
        (row["task"], row["round"], row["campaign"]): row["transition"]
        for row in await opened.fetch(INVITATIONS, opened.account)
    }
    for row in await opened.fetch(DECISIONS, opened.account):
        key = row["task"], row["round"], row["campaign"]
        if key in asked:
            stands = asked[key] == row["transition"]
        else:
            stands = standing.get(key, "not_first") == "not_first"
        if stands:
            standing[key] = row["outcome"]
    of_round: dict[tuple[UUID, int], dict[UUID, str]] = {}
    for (task, number, campaign), outcome in standing.items():
        of_round.setdefault((task, number), {})[campaign] = outcome
    told: Counter[Key] = Counter()
    for row in await opened.fetch(COMPLETIONS, opened.account):
        day = row["moment"].astimezone(zone).date()
        found = of_round.get((row["task"], row["round"]), {})
        for campaign, outcome in found.items():
            told[day, campaign, row["unit"], outcome] += 1
        together = max(found.values(), key=CLOSEST_LAST.index, default=NO_CAMPAIGN)
        told[day, ALL, row["unit"], together] += 1
    return told


async def counted(opened: Tx) -> Counter[Key]:
    """The counts as they are kept."""
    rows = await opened.fetch(COUNTED, opened.account)
    return Counter({tuple(row)[:4]: row["tasks"] for row in rows})


async def below(opened: Tx) -> dict[UUID, set[UUID]]:
    """The units, each with those below it."""
    rows = await opened.fetch("SELECT id, parent FROM unit WHERE account = $1", opened.account)
    parents = {row["id"]: row["parent"] for row in rows}
    found: dict[UUID, set[UUID]] = {unit: set() for unit in parents}
    for unit in parents:
        above: UUID | None = unit
        while above is not None:
            found[above].add(unit)
            above = parents[above]
    return found


async def add_up(opened: Tx, campaigns: list[UUID]) -> None:
    """Of each campaign, unit and day the completed tasks are those asked and each reason's."""
    told = await told_by_rows(opened)
    days = sorted({day for day, *_ in told})
    for unit, units in (await below(opened)).items():
        of_unit: Counter[tuple[date, UUID, str]] = Counter()
        for (day, campaign, where, outcome), tasks in told.items():
            if where in units:
                of_unit[day, campaign, outcome] += tasks
        for day in days:
            completed = sum(of_unit[day, ALL, said] for said in (*OUTCOMES, NO_CAMPAIGN))
            for wanted in (Wanted(units=[unit]), Wanted(units=[unit], campaigns=campaigns)):
                ledger = await open_ledger(opened, day, day, wanted)
                for counts in await read_counts(opened, ledger):
                    assert counts.completed == completed
                    assert counts.asked + sum(counts.reasons.values()) == completed
                    assert counts.asked == of_unit[day, counts.campaign or ALL, "scheduled"]


async def test_t8_the_sums_of_the_demo_are_equal(template: TestDatabase) -> None:
    with clone(template) as made:
        account = await asyncio.to_thread(lambda: asyncio.run(seeded(made)))
        await DB.open(made.worker)
        try:
            while await plan_due():
                pass
            await count_all(account)
            async with tx(account) as opened:
                assert await counted(opened) == await told_by_rows(opened)
                completed = await opened.fetchval("SELECT count(*) FROM completion")
                rows = await opened.fetch("SELECT id FROM campaign WHERE account = $1", account)
                await add_up(opened, [row["id"] for row in rows])
        finally:
            await DB.close()
    assert completed > 200


@pytest.fixture(scope="module")
def many(template: TestDatabase) -> Iterator[tuple[TestDatabase, int, list[UUID]]]:
    """An account with many completed tasks and three campaigns, counted."""

    async def lay(made: TestDatabase) -> tuple[int, list[UUID]]:
        await DB.open(made.worker)
        try:
            world = await World.create()
            campaigns = [await active(world) for _ in range(3)]
            async with owning(made.owner) as owner:
                await lay_ledger(owner.connection, world, campaigns, MANY, LAST, TIME)
            await count_all(world.account)
        finally:
            await DB.close()
        return world.account, campaigns

    with clone(template) as made:
        yield made, *asyncio.run(lay(made))


async def test_t8_the_sums_of_many_tasks_are_equal(
    many: tuple[TestDatabase, int, list[UUID]],
) -> None:
    database, account, campaigns = many
    await DB.open(database.api)
    try:
        async with tx(account) as opened:
            # To add up here what the database holds takes longer than anything of ours may.
            await opened.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            assert await counted(opened) == await told_by_rows(opened)
            await add_up(opened, campaigns)
    finally:
        await DB.close()


class Explaining(Tx, eq=False):
    """A transaction that remembers how each of its statements was done."""

    plans: list[Any] = msgspec.field(default_factory=list)

    async def fetch(self, sql: str, *args: object) -> list[Any]:
        """As always, twice."""
        explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}"
        self.plans += msgspec.json.decode(await self.connection.fetchval(explained, *args))
        return await super().fetch(sql, *args)


def scans(plan: dict[str, Any]) -> Iterator[str]:
    """How tables are read."""
    if "Relation Name" in plan:
        yield f"{plan['Node Type']} of {plan['Relation Name']}"
    for part in plan.get("Plans", []):
        yield from scans(part)


@pytest.mark.parametrize("chosen", range(6))
async def test_the_page_reads_a_part_of_the_ledger_by_its_indexes(
    many: tuple[TestDatabase, int, list[UUID]], chosen: int
) -> None:
    """Under row-level security, as the API's role, whatever is filtered by."""
    database, account, campaigns = many
    await DB.open(database.api)
    try:
        async with tx(account) as opened:
            unit = await opened.fetchval("SELECT id FROM unit WHERE name = 'Gaspé'")
            query = [
                LedgerQuery(),
                LedgerQuery(campaign=campaigns[0]),
                LedgerQuery(outcome="no_address"),
                LedgerQuery(unit=unit),
                LedgerQuery(campaign=campaigns[0], outcome="muted", unit=unit),
                LedgerQuery(campaign=campaigns[2], unit=unit),
            ][chosen]
            days = {"first": LAST.date() - timedelta(days=29), "last": LAST.date()}
            explaining = Explaining(opened.connection, account, opened.now, opened.actor)
            shown = await read_ledger(explaining, replace(query, **days), "en")
    finally:
        await DB.close()
    assert len(shown.rows) == SCREENFUL
    assert shown.counts.completed > MANY / 10
    read = [way for plan in explaining.plans for way in scans(plan["Plan"])]
    assert {"Seq Scan of decision", "Seq Scan of ledger_count"}.isdisjoint(read)
    assert not any("completion" in way for way in read)
    blocks = [
        plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        for plan in explaining.plans
    ]
    assert sum(blocks) < MOST_BLOCKS
