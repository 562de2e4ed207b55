"""What an answer says, line by line: a page as its reader meets it, JSON by places and values."""

import re
from collections.abc import Iterator
from difflib import unified_diff
from html.parser import HTMLParser
from typing import Any, Final

import httpx
import msgspec

from tests.upgrade.expected import MADE_ANEW, NEW_LINES

#: What of an element is seen, followed, sent, or read aloud.
_MEANT: Final = (
    "name", "value", "href", "action", "method", "datetime", "aria-label", "alt", "title", "type",
    "placeholder", "rel", "checked", "selected", "lang",
)  # fmt: skip
#: Style sheets and scripts belong to a version, as do their names.
_LEFT_OUT: Final = frozenset({"script", "style", "link", "svg"})
_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_INDEX: Final = re.compile(r"\[\d+\]")
#: Lines of a difference that are told.
_MOST: Final = 12


class _Page(HTMLParser):
    """Collects the lines of a page. `path`: of the page, ids as `*`."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._path = path
        self._inside = 0
        self.next: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in _LEFT_OUT:
            self._inside += tag != "link"
            return
        if tag == "a" and told.get("rel") in {"next", "prev"}:
            self.next = told.get("href")
        name = f"{tag} name={told.get('name')}"
        if (self._path, name) in MADE_ANEW:
            told.pop("value", None)
        meant = [f"{one}={told[one]!r}" for one in _MEANT if one in told]
        if meant and not self._inside:
            self.lines.append(f"<{tag} {' '.join(meant)}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _LEFT_OUT and tag != "link":
            self._inside -= 1

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not self._inside:
            self.lines.append(text)


def place_of(path: str) -> str:
    """`path` without its query, its ids as `*`."""
    return _ID.sub("*", path.partition("?")[0])


def page_of(path: str, text: str) -> tuple[list[str], str | None]:
    """The lines of a page, and where its next or earlier one is."""
    page = _Page(place_of(path))
    page.feed(text)
    page.close()
    return page.lines, page.next


def lines_of(path: str, response: httpx.Response) -> list[str]:
    """The lines of an answer, its status first."""
    head = f"{response.status_code} {response.headers.get('content-type')}"
    kind = response.headers.get("content-type", "")
    if "json" in kind:
        return [head, *_values("", response.json())]
    if "msgpack" in kind:
        return [head, *_values("", msgspec.msgpack.decode(response.content))]
    if "html" in kind:
        return [head, *page_of(path, response.text)[0]]
    return [head, response.text]


def _values(place: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, inner in sorted(value.items()):
            yield from _values(f"{place}.{name}", inner)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _values(f"{place}[{index}]", inner)
    else:
        yield f"{place} = {value!r}"


def difference(path: str, before: list[str], after: list[str]) -> str | None:
    """How `after` differs from `before`, in words; None where only what is expected does."""
    if before == after:
        return None
    place = place_of(path)
    kept = [line for line in after if (place, _INDEX.sub("[*]", line)) not in NEW_LINES]
    if before == kept:
        return None
    found = [
        line
        for line in unified_diff(before, kept, lineterm="", n=0)
        if line[:2] not in {"--", "++"}
    ]
    return "\n    ".join([path, *found[:_MOST]])
