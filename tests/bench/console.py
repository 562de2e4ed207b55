"""The dispatchers' list: what a page of it costs among 10^4 tasks, and among 10^6.

Called directly: HTTP and the template cost the same everywhere.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, TypeAlias

from server.console.task_list import Filters, read_list
from sync.database import run
from tests.bench.growing import TASKS, Field, One, in_rounds, lay_field
from tests.bench.measuring import Line, in_turns

#: Milliseconds that a page may take in the large one, and below which it may have grown.
MOST: Final = 50.0
FREE: Final = 10.0
#: By how much a page may cost more in the large one.
GROWTH: Final = 3.0
#: Pages in a round.
TIMES: Final = 20

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


async def lines_of(owner_dsn: str) -> list[Line]:
    """Lay both and measure."""
    what, small, large = TASKS
    few = await lay_field(owner_dsn, "few", small)
    many = await lay_field(owner_dsn, "many", large)
    return [await _line(what, case, few, many) for case in CASES]


async def _line(what: str, case: Case, few: Field, many: Field) -> Line:
    """`ratio`: how much of what is allowed a page takes, by the stricter of the two limits."""
    (turn_to_few, in_few), (turn_to_many, in_many) = [
        in_rounds(field.api, pages(case, field), TIMES) for field in (few, many)
    ]
    turns = await in_turns(in_few, in_many, prepare_first=turn_to_few, prepare_second=turn_to_many)
    before, after = 1000 / turns.first, 1000 / turns.second
    allowed = min(MOST, max(FREE, GROWTH * before))
    return Line(
        f"{case.what}, {what}",
        f"{after:.1f} ms in the large one",
        f"{before:.1f} ms in the small one",
        after / allowed,
        1.0,
        at_least=False,
    )
