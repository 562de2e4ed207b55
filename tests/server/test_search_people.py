"""Searching tasks by who does them, and on the demo by whatever a dispatcher types."""

import html
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import httpx
import pytest

from server.console.task_list import SCREENFUL, read_filters, read_list
from server.console.task_search import _TASKS_OF, DOWN, UP, Direction, statements_of
from sync.database import DB, Tx, tx
from tests.support.api_process import Served
from tests.support.books import TITLE, Books, found, moment
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing
from tests.support.office import Office
from tests.support.owner import owning

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def console(api: Served, north: Office) -> Iterator[httpx.Client]:
    """The office's dispatcher in a browser."""
    with browsing(api, north) as browser:
        yield browser


@pytest.fixture(scope="module")
def books(api: Served, north: Office) -> Books:
    """The office's program."""
    return Books(api, north)


def test_a_technicians_name_finds_the_tasks_that_are_theirs_now(
    books: Books, console: httpx.Client
) -> None:
    first, second = (
        books.put(
            *("users", key),
            name=name,
            role="technician",
            unit=str(books.office.world.site),
            email=f"{key}@firm.example",
            language="fr_CA",
        )
        for key, name in (("U-1", "Hélène O\u2019Quirk"), ("U-2", "Barnabé Zéphyr"))
    )
    task = books.task("T-1", "Ronfleur", assignments=[{"technician": first, "start": moment(0)}])
    for word in ("o'quirk", "helene", "HELENE o`q", "helene ronfleur", "U-1@Firm.example"):
        assert found(console, word) == ["Ronfleur"], word
    assert found(console, "zephyr") == []
    books.assign(task, second)
    assert (found(console, "zephyr"), found(console, "helene")) == (["Ronfleur"], [])
    books.put("users", "U-2", name="Barnabé Yvon", email="byvon@firm.example")
    assert (found(console, "byvon@firm"), found(console, "u-2@firm")) == (["Ronfleur"], [])
    assert (found(console, "yvon ronf"), found(console, "zephyr")) == (["Ronfleur"], [])


def test_the_empty_answer_says_what_would_find_more(books: Books, console: httpx.Client) -> None:
    books.task("Z-1", "Zoe")
    one = console.get("/tasks", params={"q": "introuvable", "lang": "en"}).text
    two = console.get("/tasks", params={"q": "zoe introuvable", "lang": "en"}).text
    advice = "Only tasks that contain all words are shown: try fewer."
    assert (advice in one, advice in two) == (False, True)
    assert "its customer (name, phone, tags, e-mail)" in one
    assert "Task, number, type, tag, customer, phone, place, technician or e-mail" in one
    assert "Look in all states" not in two
    in_state = console.get("/tasks", params={"q": "zoe", "state": "900", "lang": "en"}).text
    onward = re.search(r'href="([^"]+)">Look in all states', in_state)
    assert onward is not None
    assert TITLE.search(console.get(html.unescape(onward[1])).text)


@pytest.fixture
async def demo(seeded_demo: tuple[TestDatabase, int]) -> AsyncIterator[Tx]:
    """A transaction of the API that reads it."""
    database, account = seeded_demo
    await DB.open(database.api, size=1)
    async with tx(account) as opened:
        yield opened
    await DB.close()


EVERYTHING: Final = """
SELECT t.id, concat_ws(' ', t.title, t.external_id, t.contact_email, t.tags, c.name, c.email,
  c.phone, regexp_replace(c.phone, '[^0-9]', '', 'g'), c.tags, l.name, l.address, l.email, l.phone,
  regexp_replace(l.phone, '[^0-9]', '', 'g'), u.name, u.email, y.name, y.names) AS text
FROM task t LEFT JOIN customer c ON c.id = t.customer LEFT JOIN location l ON l.id = t.location
LEFT JOIN app_user u ON u.id = t.technician JOIN task_type y ON y.id = t.type
ORDER BY t.state_moment DESC, t.id::text
"""


def folded(text: str) -> str:
    """`text` in small letters without accents, its apostrophes straight."""
    letters = unicodedata.normalize("NFKD", text.replace("\u2019", "'").lower())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@pytest.mark.anyio
@pytest.mark.parametrize(
    "typed",
    [
        "andre nguyen", "NGUYEN", "cedres", "L'Ancienne", "echangeur d'air",
        "chambre froide", "froide quebec", "thermopompe etienne", "luc bergeron", "lachance",
        "marc\u2011andre", "nadia\u00a0belhadj", "BT 24", "courriel.example", "concierge",
        "andre.nguyen@courriel.example", "O`Hara", "entretien preventif", "luc@boreal.example",
        "sous garantie", "Preventive maintenance lachance",
    ],
)  # fmt: skip
async def test_the_demo_is_found_by_what_a_dispatcher_types(demo: Tx, typed: str) -> None:
    filters = read_filters({"q": typed})
    words = folded(filters.text.replace("\u2011", "-").replace("`", "'")).split()
    rows = await demo.fetch(EVERYTHING)
    expected = [row["id"] for row in rows if all(word in folded(row["text"]) for word in words)]
    shown = [row.id for row in (await read_list(demo, filters, "fr")).rows]
    assert shown == expected[:SCREENFUL]
    assert shown


@pytest.mark.anyio
async def test_each_task_of_the_demo_is_found_by_its_number_and_customer(demo: Tx) -> None:
    rows = await demo.fetch(
        "SELECT t.id, t.external_id AS number, c.name FROM task t JOIN customer c"
        " ON c.id = t.customer ORDER BY t.id LIMIT 20"
    )
    for row in rows:
        typed = f"{row['number'].replace('-', ' ')} {folded(row['name'])}"
        shown = await read_list(demo, read_filters({"q": typed}), "fr")
        assert row["id"] in {found.id for found in shown.rows}, typed


@pytest.mark.anyio
async def test_each_customer_of_the_demo_is_found_by_the_phone_number_as_people_type_it(
    demo: Tx,
) -> None:
    rows = await demo.fetch(
        "SELECT t.id, c.phone FROM task t JOIN customer c ON c.id = t.customer"
        " WHERE c.phone IS NOT NULL ORDER BY t.id LIMIT 20"
    )
    assert len(rows) == 20
    for row in rows:
        area, digits = row["phone"][:3], re.sub(r"\D", "", row["phone"])
        last = row["phone"][4:]
        for typed in (row["phone"], digits, f"({area}) {last}", f"+1 {area} {last}", last):
            shown = await read_list(demo, read_filters({"q": typed}), "fr")
            assert row["id"] in {found.id for found in shown.rows}, typed


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and those below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.mark.anyio
async def test_words_are_looked_up_in_indexes(
    demo: Tx, seeded_demo: tuple[TestDatabase, int]
) -> None:
    await demo.execute("SET LOCAL enable_seqscan = off")  # 300 tasks are scanned as fast
    sql = _TASKS_OF.format(word="$1", most="5")
    [row] = await demo.fetch(f"EXPLAIN (FORMAT JSON) {sql}", "lachance")
    plan = json.loads(row[0])[0]["Plan"]
    tasks = [node for node in nodes(plan) if node.get("Relation Name") == "task"]
    used = {node["Index Name"] for node in nodes(plan) if "Index Name" in node}
    indexes = ("customer", "location", "technician", "type")
    assert {f"task_by_{name}" for name in indexes} <= used
    along = {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
    assert {node["Node Type"] for node in tasks} <= along
    async with owning(seeded_demo[0].owner) as owner:  # who looks for the roles that policies fence
        await owner.connection.execute(
            "SELECT set_config('retour.account', $1, false)", str(seeded_demo[1])
        )
        body = await owner.value("SELECT prosrc FROM pg_proc WHERE proname = 'search_things'")
        body = body.replace("LIMIT most", "").replace("word", "'lachance'")
        await owner.connection.execute("SET enable_seqscan = off")
        lines = [line for (line,) in await owner.rows(f"EXPLAIN {body}")]
    assert any("searched_text_by_part" in line for line in lines)
    assert not any("Seq Scan" in line for line in lines)


@pytest.mark.anyio
@pytest.mark.parametrize("direction", [DOWN, UP], ids=["down", "up"])
async def test_a_list_in_one_state_is_read_in_its_order_from_an_index(
    demo: Tx, direction: Direction
) -> None:
    await demo.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
    statements = statements_of(direction, in_state=True)
    window = ("600", None, None, 51)
    for sql, *words in (
        (statements.all,),
        (statements.is_longer,),
        (statements.by_scan, ["lachance"], 150),
    ):
        [row] = await demo.fetch(f"EXPLAIN (FORMAT JSON) {sql}", *window, *words)
        plan = list(nodes(json.loads(row[0])[0]["Plan"]))
        [scan] = [node for node in plan if node.get("Relation Name") == "task"]
        assert scan["Index Name"] == "task_by_state", sql
        assert "(state = " in scan["Index Cond"], sql
        assert not any("Sort" in node["Node Type"] for node in plan), sql
