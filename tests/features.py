"""`python -m tests.features`: docs/features.md agrees with itself and names tests that exist.

Each of its chapters is a table of features by id, with a state and the tests that show it. Prints
what is wrong and exits 1 if anything is.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = Path("docs", "features.md")

STATES: Final = ("works", "partly", "not yet")
#: The row of the counts that adds up the chapters whose ids start with a letter.
TOTAL: Final = "All features"

#: "## Campaigns (C)": its ids are C1, C2 ...; without a letter they are 1, 2 ...
_HEADING: Final = re.compile(r"## (?P<title>.+?)(?: \((?P<letter>[A-Z])\))?")
_ID: Final = re.compile(r"[A-Z]?[0-9]+")
_LINK: Final = re.compile(r"\[(?P<text>[^]]+)]\([^)]*\)")

#: By state, in the order of `STATES`.
Counts: TypeAlias = tuple[int, ...]


class Feature(Struct, frozen=True):
    """One row of a chapter's table. `missing`: what keeps the state from being works."""

    id: str
    state: str
    missing: str
    tests: Sequence[str]


class Chapter(Struct, frozen=True):
    """A table of features. `letter`: what their ids start with, empty for plain numbers."""

    title: str
    letter: str
    features: Sequence[Feature]

    @property
    def counts(self) -> Counts:
        """How many features are in each state."""
        found = Counter(feature.state for feature in self.features)
        return tuple(found[state] for state in STATES)


class Page(Struct, frozen=True):
    """The page: its chapters, and by title the numbers that its first table gives for them."""

    chapters: Sequence[Chapter]
    counts: Mapping[str, Sequence[str]]


def read(text: str) -> Page:
    """Return the chapters and counts of `text`; a section without a table is no chapter."""
    head, *sections = re.split(r"(?m)^(?=## )", text)
    chapters = [_chapter(*section.splitlines()) for section in sections]
    counts = {_LINK.sub(r"\g<text>", title).strip("*"): cells for title, *cells in _rows(head)}
    return Page([chapter for chapter in chapters if chapter.features], counts)


def _chapter(heading: str, *lines: str) -> Chapter:
    found = _HEADING.fullmatch(heading.strip())
    if found is None:
        return Chapter(heading, "", [])
    features = map(_feature, _rows("\n".join(lines)))
    return Chapter(found["title"], found["letter"] or "", list(features))


def _rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables in `text`, but for their headers."""
    lines = [line.strip() for line in text.splitlines()]
    for before, line in zip(["", *lines], lines, strict=False):
        if before.startswith("|") and line.startswith("|") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]


def _feature(cells: Sequence[str]) -> Feature:
    """Return the feature of a row; if it has not four cells, its state is an unknown one."""
    state, _, missing = " | ".join(cells[2:-1]).partition(":")
    names = [name.strip("`") for name in re.split(r"<br>|\s+", cells[-1]) if name]
    return Feature(cells[0], state, missing.strip(), names)


def find_tests(root: Path) -> frozenset[str]:
    """Return the test functions below `root`, as pytest names them without parameters.

    Nothing is imported, so that this needs no browser, broker or database.
    """
    return frozenset(
        f"{file.relative_to(root).as_posix()}::{node.name}"
        for file in (root / "tests").rglob("test_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def problems(page: Page, known: Collection[str]) -> list[str]:
    """Return everything that is wrong with `page`. `known`: names of all tests."""
    features = list(chain.from_iterable(chapter.features for chapter in page.chapters))
    return [
        *_repeated(features),
        *chain.from_iterable(map(_misnumbered, page.chapters)),
        *(f"{feature.id}: {fault}" for feature in features for fault in _faults(feature, known)),
        *_miscounted(page),
    ]


def _repeated(features: Sequence[Feature]) -> Iterator[str]:
    times = Counter(feature.id for feature in features)
    yield from (f"{key}: occurs {count} times" for key, count in times.items() if count > 1)


def _misnumbered(chapter: Chapter) -> Iterator[str]:
    """Yield ids that belong to another chapter, and gaps in the sequence from 1 on."""
    found = [feature.id for feature in chapter.features]
    own = [key for key in found if _ID.fullmatch(key) and _letter(key) == chapter.letter]
    yield from (f"{key}: is no id of {chapter.title}" for key in found if key not in own)
    numbers = {int(key.removeprefix(chapter.letter)) for key in own}
    for number in range(1, max(numbers, default=0) + 1):
        if number not in numbers:
            yield f"{chapter.letter}{number}: is missing in {chapter.title}"


def _letter(key: str) -> str:
    return key.rstrip("0123456789")


def _faults(feature: Feature, known: Collection[str]) -> Iterator[str]:
    """Yield what is wrong with the state and the tests of a feature."""
    if feature.state not in STATES:
        yield f"its state {feature.state!r} is none of {', '.join(STATES)}"
        return
    if feature.state == "not yet" and feature.tests:
        yield "not yet, and a test is named"
    if feature.state != "not yet" and not feature.tests:
        yield f"{feature.state}, and no test is named"
    if (feature.state == "partly") != bool(feature.missing):
        yield "the state partly, and no other, names what is missing"
    yield from (f"there is no test {name}" for name in feature.tests if name not in known)


def _miscounted(page: Page) -> Iterator[str]:
    """Yield rows of the first table whose numbers are not those of the chapters."""
    counts = {chapter.title: chapter.counts for chapter in page.chapters}
    lettered = [chapter.counts for chapter in page.chapters if chapter.letter]
    counts[TOTAL] = tuple(map(sum, zip(*lettered, strict=True))) or (0,) * len(STATES)
    for title, counted in counts.items():
        stated = page.counts.get(title)
        if stated is None:
            yield f"counts: there is no row for {title}"
        elif stated != [str(number) for number in counted]:
            yield f"counts: {title} has {_listed(counted)}, its row says {_listed(stated)}"
    yield from (f"counts: {title} is no chapter" for title in page.counts if title not in counts)


def _listed(numbers: Sequence[object]) -> str:
    return ", ".join(map(str, numbers))


if __name__ == "__main__":
    found = problems(read((ROOT / PAGE).read_text(encoding="utf-8")), find_tests(ROOT))
    sys.stdout.writelines(f"{PAGE}: {problem}\n" for problem in found)
    sys.exit(1 if found else 0)
