"""How things are measured: two ways in turns in one run, medians, and a ratio beside a target."""

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeAlias

#: Does some work and returns how much of it.
Work: TypeAlias = Callable[[], Awaitable[int]]

ROUNDS: Final = 9


class Line(NamedTuple):
    """One line of the table.

    `ratio`: ours over the limit's rate where more is better, or large over small where a cost
    must not grow; None where it could not be measured, which counts as not reached. `at_least`:
    which of the two, and so which side of `target` is right. Without a target it is only shown.
    """

    what: str
    ours: str
    limit: str
    ratio: float | None
    target: float | None = None
    at_least: bool = True

    @property
    def cells(self) -> tuple[str, ...]:
        """The line as the table shows it."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return (self.what, self.ours, self.limit, ratio, *self._verdict())

    def _verdict(self) -> tuple[str, str]:
        if self.target is None:
            return ("", "")
        if self.ratio is None:
            return (f"{'≥' if self.at_least else '≤'} {self.target:g}", "no")
        if self.at_least:
            return (f"≥ {self.target:g}", "yes" if self.ratio >= self.target else "no")
        return (f"≤ {self.target:g}", "yes" if self.ratio <= self.target else "no")


HEADINGS: Final = ("what", "ours", "limit beside it", "ratio", "target", "reached")


def table(lines: list[Line]) -> str:
    """The lines as a Markdown table, columns aligned so that it reads in a terminal too."""
    rows = [HEADINGS, *(line.cells for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]

    def written(cells: tuple[str, ...]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join([written(rows[0]), rule, *(written(row) for row in rows[1:])])


async def rate(work: Work) -> float:
    """How much of `work` is done in a second."""
    start = time.perf_counter()
    done = await work()
    return done / (time.perf_counter() - start)


class Metered:
    """Work whose processor time in this process is noted: other programs hardly move it."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.each: list[float] = []

    async def __call__(self) -> int:
        """Do it once."""
        start = time.process_time()
        done = await self._work()
        self.each.append((time.process_time() - start) / done)
        return done

    @property
    def microseconds(self) -> float:
        """The median time of one, without the first time, which warms up."""
        return 1e6 * statistics.median(self.each[1:])


class Turns(NamedTuple):
    """Median rates of each way, and the median of the ratios of the rounds: first over second."""

    first: float
    second: float
    ratio: float


async def nothing() -> int:
    """Nothing to prepare."""
    return 0


async def in_turns(
    first: Work,
    second: Work,
    *,
    prepare_first: Work = nothing,
    prepare_second: Work = nothing,
    rounds: int = ROUNDS,
) -> Turns:
    """Both ways, one after the other in every round; which one begins changes.

    A machine that gets slower for a while then slows both. Preparing is not measured.
    """
    pairs = []
    for number in range(-1, rounds):
        found = {}
        ways = [(first, prepare_first), (second, prepare_second)]
        for way, prepare in ways if number % 2 else reversed(ways):
            await prepare()
            found[way] = await rate(way)
        if number >= 0:  # the round before the first one warms up
            pairs.append((found[first], found[second]))
    return Turns(
        statistics.median(one for one, _ in pairs),
        statistics.median(other for _, other in pairs),
        statistics.median(one / other for one, other in pairs),
    )
