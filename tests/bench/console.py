"""The dispatchers' list and the ledger: what a page costs among 10^4 tasks, and among 10^6.

Called directly: HTTP and the template cost the same everywhere.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from mail.ledger.counting import count_due
from rules.decide import Reason
from server.console.ledger import LedgerQuery, read_ledger
from server.console.task_list import Filters, read_list
from sync.database import DB, run
from tests.bench.growing import TASKS, Field, One, in_rounds, lay_field
from tests.bench.measuring import Line, in_turns
from tests.mail.campaigns import active
from tests.support.databases import renamed
from tests.support.ledgers import lay_ledger
from tests.support.world import World

#: Milliseconds that a page may take in the large one, and below which it may have grown.
MOST: Final = 50.0
FREE: Final = 10.0
#: By how much a page may cost more in the large one.
GROWTH: Final = 3.0
#: Pages in a round.
TIMES: Final = 20

#: Tasks that three campaigns made 10^4 and 10^6 decisions about.
FEW_COMPLETED: Final = 3_400
MANY_COMPLETED: Final = 340_000

#: Words and state of a page, for one of so many tasks.
Asked: TypeAlias = Callable[[int], tuple[str, str]]


def _number(tasks: int) -> str:
    return f"{random.randint(1, tasks):07}"


class Case(NamedTuple):
    """A page that is asked for."""

    what: str
    asked: Asked


CASES: Final = (
    Case("list", lambda _: ("", "")),
    Case("list, a state that all have", lambda _: ("", "600")),
    Case("list, a state that none has", lambda _: ("", "100")),
    Case("search, a word of none", lambda _: ("introuvable", "")),
    Case("search, two words of one", lambda tasks: (f"customer {_number(tasks)}", "")),
    Case("search, a phone number", lambda tasks: (f"418 {_number(tasks)}", "")),
    Case("search, a word of 1 %", lambda _: ("seldom", "")),
    Case("search, a word of 30 %", lambda _: ("often", "")),
    Case("search, a word of all", lambda _: ("customer", "")),
    Case("search, a type", lambda _: ("call", "")),
    Case("search, a word of 30 % in a state that none has", lambda _: ("often", "100")),
)


async def rows_of(case: Case, field: Field) -> int:
    """Read a page of `case`, another one each time where it can be; how many rows it has."""
    words, state = case.asked(field.tasks)
    account = random.choice(field.parties).device.account
    read = partial(read_list, filters=Filters(words, state, None), language="en")
    return len((await run(account, read)).rows)


def pages(case: Case, field: Field) -> One:
    """One page of `case`."""

    async def one() -> int:
        await rows_of(case, field)
        return 1

    return one


class Books(NamedTuple):
    """An account's ledger in a database. `campaign`: of three; `unit`: of four, with few tasks."""

    api: str
    account: int
    campaign: UUID
    unit: UUID


#: A page of the ledger, of the last 30 days.
LEDGER: Final[dict[str, Callable[[Books], LedgerQuery]]] = {
    "ledger": lambda _: LedgerQuery(),
    "ledger, a campaign": lambda books: LedgerQuery(campaign=books.campaign),
    "ledger, a reason": lambda _: LedgerQuery(outcome=Reason.NO_ADDRESS.value),
    "ledger, a unit": lambda books: LedgerQuery(unit=books.unit),
    "ledger, all three": lambda books: LedgerQuery(
        campaign=books.campaign, outcome=Reason.NO_ADDRESS.value, unit=books.unit
    ),
}


async def lay_books(owner_dsn: str, field: Field, tasks: int) -> Books:
    """An account with so many tasks completed in a year, and three times as many decisions."""
    await DB.close()
    await DB.open(field.worker, size=1)
    world = await World.create()
    campaigns = [await active(world) for _ in range(3)]
    owner = await asyncpg.connect(owner_dsn)
    await lay_ledger(owner, world, campaigns, tasks, datetime.now(UTC), timedelta(days=365))
    await owner.execute("UPDATE ledger_change SET not_before = now()")
    while await count_due():
        pass
    await owner.execute("VACUUM ANALYZE decision, ledger_count")
    await owner.close()
    return Books(field.api, world.account, campaigns[0], world.other_site)


def ledger_pages(query: LedgerQuery, books: Books) -> One:
    """One page of the ledger, without HTTP and template."""

    async def one() -> int:
        shown = await run(books.account, partial(read_ledger, query=query, language="en"))
        return min(1, len(shown.rows))

    return one


async def lines_of(owner_dsn: str) -> list[Line]:
    """Lay both and measure."""
    what, small, large = TASKS
    few = await lay_field(owner_dsn, "few", small)
    many = await lay_field(owner_dsn, "many", large)
    lines = [
        await _line(f"{case.what}, {what}", *[(one.api, pages(case, one)) for one in (few, many)])
        for case in CASES
    ]
    books = [
        await lay_books(renamed(owner_dsn, name), field, tasks)
        for name, field, tasks in (("few", few, FEW_COMPLETED), ("many", many, MANY_COMPLETED))
    ]
    lines += [
        await _line(
            f"{name}, decisions 10^4 -> 10^6",
            *[(one.api, ledger_pages(query(one), one)) for one in books],
        )
        for name, query in LEDGER.items()
    ]
    return lines


async def _line(what: str, few: tuple[str, One], many: tuple[str, One]) -> Line:
    """`few`, `many`: a database and a page in it.

    `ratio`: how much of what is allowed a page takes, by the stricter of the two limits.
    """
    (turn_to_few, in_few), (turn_to_many, in_many) = [
        in_rounds(api, page, TIMES) for api, page in (few, many)
    ]
    turns = await in_turns(in_few, in_many, prepare_first=turn_to_few, prepare_second=turn_to_many)
    before, after = 1000 / turns.first, 1000 / turns.second
    allowed = min(MOST, max(FREE, GROWTH * before))
    return Line(
        what,
        f"{after:.1f} ms in the large one",
        f"{before:.1f} ms in the small one",
        after / allowed,
        1.0,
        at_least=False,
    )
