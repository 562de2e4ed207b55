"""What was compared, how much of it, and what differs."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

#: Differences of one kind that are told in full.
MOST_TOLD: Final = 5


class Compared(msgspec.Struct):
    """One kind of thing. `same`, `different`: how many; `told`: the first that differ, in words.

    `answers`: how often what was answered, so that nobody compares one error with another.
    """

    what: str
    same: int = 0
    different: int = 0
    answers: Counter[str] = msgspec.field(default_factory=Counter)
    told: list[str] = msgspec.field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether enough differences are told."""
        return len(self.told) >= MOST_TOLD

    def count(self, *, same: bool) -> None:
        """Count one of which nothing is told."""
        if same:
            self.same += 1
        else:
            self.different += 1

    def note(self, difference: str | None) -> None:
        """Count one: None where nothing differs."""
        self.count(same=difference is None)
        if difference is not None and not self.full:
            self.told.append(difference)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """`rows` under `head`, in columns as wide as they need be."""
    lines = [[str(cell) for cell in line] for line in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def told(found: Sequence[Compared]) -> str:
    """All of it as text."""
    rows = [
        (
            one.what,
            f"{one.same + one.different:,}",
            one.different,
            ", ".join(f"{answer}: {count:,}" for answer, count in one.answers.most_common()),
        )
        for one in found
    ]
    lines = [f"{one.what}: {difference}" for one in found for difference in one.told]
    return "\n".join([table(("compared", "how many", "different", "answers"), rows), *lines])


def exit_code(found: Sequence[Compared]) -> int:
    """1 where anything differs, or nothing was compared at all."""
    return int(not found or any(one.different for one in found))
