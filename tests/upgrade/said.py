"""What an answer says, line by line: a page as its reader meets it, JSON by places and values."""

import re
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from html.parser import HTMLParser
from typing import Any, Final

import httpx
import msgspec

from tests.upgrade.expected import CHANGES, MADE_ANEW, Change

#: What of an element is seen, followed, sent, or read aloud.
_MEANT: Final = (
    "name", "value", "href", "action", "method", "datetime", "aria-label", "alt", "title", "type",
    "placeholder", "rel", "checked", "selected", "lang",
)  # fmt: skip
#: What says again, whole, what stands there and may be cut off.
_AGAIN: Final = frozenset({("span", "title"), ("td", "title")})
#: Style sheets and scripts belong to a version, as do their names.
_LEFT_OUT: Final = frozenset({"script", "style", "link", "svg"})
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: Tables whose rows have another order now: they are read in the order of their lines.
_REORDERED: Final = frozenset({"/devices"})
_SPACED: Final = re.compile(r" (?=[;!?])")
#: Lines of a difference that are told.
_MOST: Final = 12
#: Lines that one change is about, at most.
_LONGEST: Final = 60


class _Page(HTMLParser):
    """Collects the lines of a page. `path`: of the page, ids as `*`.

    `story`: those of a timeline, apart from the others: its days and their entries. `links`: where
    the pages beside it are, by `rel`.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.story: list[str] = []
        self.links: dict[str, str] = {}
        self._path = path
        self._skipped = 0
        self._joins = False
        #: Of the table's body that is read: its rows, and of each the cells by class.
        self._rows: list[list[tuple[str, list[str]]]] | None = None
        self._list = False
        self._day = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in _LEFT_OUT:
            self._skipped += tag != "link"
            return
        if tag == "a" and told.get("rel") in {"next", "prev"}:
            self.links[str(told["rel"])] = str(told["href"])
        if tag == "tbody":
            self._rows = []
        if tag == "tr" and self._rows is not None:
            self._rows.append([])
        if tag in {"td", "th"} and self._rows:
            self._rows[-1].append((told.get("class") or "", []))
        self._joins = tag == "wbr"
        self._list |= (tag, told.get("class")) == ("ol", "line")
        self._day |= (tag, told.get("class")) == ("h3", "day")
        name = f"{tag} name={told.get('name')}"
        if (self._path, name) in MADE_ANEW:
            told.pop("value", None)
        seen = [one for one in _MEANT if one in told and (tag, one) not in _AGAIN]
        meant = [f"{one}={_plain(told[one] or '')!r}" for one in seen]
        if meant:
            self._keep(f"<{tag} {' '.join(meant)}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _LEFT_OUT and tag != "link":
            self._skipped -= 1
        if tag == "tbody":
            self._end_table()
        self._list &= tag != "ol"
        self._day &= tag != "h3"

    def handle_data(self, data: str) -> None:
        text = _plain(data)
        if text and self._joins:
            self._place()[-1] += text
        elif text:
            self._keep(f"day: {text}" if self._day else text)

    def _keep(self, line: str) -> None:
        if not self._skipped:
            self._place().append(line)

    def _place(self) -> list[str]:
        """Where the next line goes."""
        if self._rows and self._rows[-1]:
            return self._rows[-1][-1][1]
        return self.story if self._list or self._day else self.lines

    def _end_table(self) -> None:
        """Its rows line by line. When a task changed stood in a cell of its own, at the end."""
        rows = []
        for cells in self._rows or []:
            ordered = sorted(cells[1:], key=lambda cell: not cell[0].startswith("is-when"))
            rows.append([line for _, lines in (*cells[:1], *ordered) for line in lines])
        self._rows = None
        if self._path in _REORDERED:
            rows.sort()
        self.lines += [line for row in rows for line in row]


def _plain(text: str) -> str:
    """`text` with plain single spaces, and none before the signs where French had one."""
    return _SPACED.sub("", " ".join(text.split()))


def place_of(path: str) -> str:
    """`path` without its query, its ids as `*`."""
    return _ID.sub("*", path.partition("?")[0])


def page_of(path: str, text: str) -> _Page:
    """A page as it is read."""
    page = _Page(place_of(path))
    page.feed(text)
    page.close()
    return page


def story_of(parts: Sequence[Sequence[str]]) -> list[str]:
    """The timeline whose parts these are, earliest first: a day that two of them share is one."""
    told: list[str] = []
    for part in parts:
        days = [line for line in told if line.startswith("day: ")]
        told += part[1:] if days and part and part[0] == days[-1] else part
    return told


def head_of(response: httpx.Response) -> str:
    """The status and the type of an answer."""
    return f"{response.status_code} {response.headers.get('content-type')}"


def lines_of(path: str, response: httpx.Response) -> list[str]:
    """The lines of an answer, its status first."""
    kind = response.headers.get("content-type", "")
    if "json" in kind:
        return [head_of(response), *values_of(response.json())]
    if "msgpack" in kind:
        return [head_of(response), *values_of(msgspec.msgpack.decode(response.content))]
    if "html" in kind:
        page = page_of(path, response.text)
        return [head_of(response), *page.lines, *page.story]
    return [head_of(response), response.text]


def values_of(value: Any, place: str = "") -> Iterator[str]:
    """Each value with the place at which it stands, by name."""
    if isinstance(value, dict) and value:
        for name, inner in sorted(value.items()):
            yield from values_of(inner, f"{place}.{name}")
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from values_of(inner, f"{place}[{index}]")
    else:
        yield f"{place} = {value!r}"


def difference(
    path: str, before: Sequence[str], after: Sequence[str], met: set[Change]
) -> str | None:
    """How `after` differs from `before`, in words; None where only what is expected does.

    Changes that explain it are added to `met`.
    """
    place = place_of(path)
    changes = [one for one in CHANGES if re.fullmatch(one.where, place)]
    found = _explained(before, after, changes)
    if found is not None:
        met.update(found)
        return None
    told = unified_diff(before, after, lineterm="", n=0)
    lines = [line for line in told if line[:2] not in {"--", "++"}]
    return "\n    ".join([path, *lines[:_MOST]])


class _Way(msgspec.Struct, frozen=True):
    """How many lines of either side were read, and the changes that explained what differed."""

    old: int = 0
    new: int = 0
    used: frozenset[Change] = frozenset()


def _explained(
    before: Sequence[str], after: Sequence[str], changes: Sequence[Change]
) -> frozenset[Change] | None:
    """The changes that make `after` of `before`; None where nothing does.

    Lines that are the same are gone on from first; where that leads nowhere, changes are looked
    for at the nearest place behind.
    """
    open_ways = [_Way()]
    seen: set[tuple[int, int]] = set()
    behind: list[_Way] = []
    while open_ways or behind:
        if not open_ways:
            open_ways += _changed(behind.pop(), before, after, changes)
            continue
        way = open_ways.pop()
        if (way.old, way.new) == (len(before), len(after)):
            return way.used
        if (way.old, way.new) in seen:
            continue
        seen.add((way.old, way.new))
        behind.append(way)
        if before[way.old : way.old + 1] == after[way.new : way.new + 1]:
            open_ways.append(_Way(way.old + 1, way.new + 1, way.used))
    return None


def _changed(
    way: _Way, before: Sequence[str], after: Sequence[str], changes: Sequence[Change]
) -> Iterator[_Way]:
    old = before[way.old : way.old + _LONGEST]
    new = after[way.new : way.new + _LONGEST]
    for one in changes:
        taken = _taken(one, old, new)
        if taken is not None:
            yield _Way(way.old + taken[0], way.new + taken[1], way.used | {one})


def _taken(change: Change, before: Sequence[str], after: Sequence[str]) -> tuple[int, int] | None:
    """How many lines of each side `change` explains, if they begin with it."""
    old = _begins(change.before, before)
    if old is None:
        return None
    groups = {name: re.escape(text) for name, text in old.groupdict().items()}
    new = _begins(change.after % groups if groups else change.after, after)
    return None if new is None else (_count(old), _count(new))


def _begins(pattern: str, lines: Sequence[str]) -> re.Match[str] | None:
    ending = r"(?=\n|\Z)" if pattern else ""
    return re.compile(pattern + ending, re.IGNORECASE).match("\n".join(lines))


def _count(found: re.Match[str]) -> int:
    return found[0].count("\n") + bool(found[0])
