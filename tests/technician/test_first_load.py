"""The first screen of a new device: few requests, all at once; the rest comes after it."""

import re
from typing import Final

from playwright.sync_api import Route, expect

from server.technician.files import files
from tests.technician.gate import Gate
from tests.technician.phone import Phone

PRELOADED: Final = re.compile(r'<link rel="modulepreload" href="([^"]+)">')
#: What a module needs before it runs; a dynamic import is none of it.
IMPORTED: Final = re.compile(r"(?:^|[;}\n])(?:import|export)\b[^;(]*?'(\.[^']+)'")
#: What the first page names beside modules: style sheets, texts, and what the system shows.
BESIDE: Final = {"", "tokens.css", "tech.css", "manifest.webmanifest", "mark.svg"}
#: Requests until the first screen stands; all of the app were 48.
MOST_REQUESTS: Final = 25


def imported(name: str) -> set[str]:
    """The modules that `name` imports, by their names."""
    text = files()[name].encoded[""].decode()
    return {_resolved(name, wanted) for wanted in IMPORTED.findall(text)}


def _resolved(name: str, wanted: str) -> str:
    parts = name.split("/")[:-1]
    for part in wanted.split("/"):
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def first_modules() -> set[str]:
    """`main.js` and all that it needs before it runs."""
    found, coming = set[str](), {"main.js"}
    while coming:
        found |= coming
        coming = {one for name in coming for one in imported(name)} - found
    return found


def test_the_page_names_at_once_what_the_first_screen_imports_and_nothing_else() -> None:
    page = files()[""].encoded[""].decode()
    preloaded = PRELOADED.findall(page)
    assert sorted(preloaded) == preloaded
    assert {"main.js", *preloaded} == first_modules()


def test_the_first_screen_needs_no_other_file_and_few_requests(phone: Phone) -> None:
    wanted = first_modules() | BESIDE
    asked: list[str] = []

    def give(route: Route) -> None:
        name = route.request.url.partition("/tech/")[2]
        if name in wanted or name.startswith("texts."):
            asked.append(name)
            route.continue_()
        else:
            route.abort()

    page = phone.context.new_page()
    page.route("**/tech/**", give)
    page.goto(f"{phone.origin}/tech/")
    expect(page.get_by_label("Code", exact=True)).to_be_visible()
    twice = {one for one in asked if asked.count(one) > 1}
    assert twice <= {"mark.svg"}  # the system's own icon, whenever it likes
    assert first_modules() <= set(asked)
    assert len(set(asked)) <= MOST_REQUESTS


def test_the_rest_comes_after_the_first_screen_and_the_worker_last(
    handset: Phone, gate: Gate
) -> None:
    page = handset.context.new_page()
    page.goto(f"{handset.origin}/tech/")
    expect(page.get_by_label("Code", exact=True)).to_be_visible()
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    order = [one.split()[1].decode() for one in gate.asked if one.startswith(b"GET /tech/")]
    places = {path.removeprefix("/tech/"): place for place, path in reversed([*enumerate(order)])}
    first = max(places[name] for name in first_modules())
    rest = [name for name in files() if name.startswith("views/") and name not in first_modules()]
    assert first < min(places[name] for name in rest)
    assert max(places[name] for name in rest) < places["worker.js"]
    gate.cut()
    page.reload()
    expect(page.get_by_label("Code", exact=True)).to_be_visible()
