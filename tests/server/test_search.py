"""Searching the list of tasks: any part of a word, of whatever says who, where and what."""

import html
import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
import pytest

from server.console.task_list import SCREENFUL, Filters, read_list
from server.console.task_search import Limits
from sync.database import Tx, tx
from sync.ids import new_id
from tests.support.api_process import Served
from tests.support.books import TITLE, Books, found, moment
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing
from tests.support.office import Office, in_database

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


@pytest.fixture(scope="module", autouse=True)
def leak(books: Books) -> None:
    """A task that has all that is searched."""
    who = books.put(
        *("customers", "C-1"),
        name="Zoé Bélanger & Fils",
        email="zb@fils.example",
        phone="418 555-0136, poste 24",
        tags=["Bon payeur"],
    )
    address = "4512, boulevard du Béton\nBaie-Saint-Paul (Québec)  G3Z 2T9"
    place = books.put(
        *("locations", "L-1"),
        name="Entrepôt nº 7",
        address=address,
        email="quai@fils.example",
        phone="+33 (0)1 23 45 67 89",
    )
    title = "Fuite sous l\u2019évier <b>100 %_neuf\\</b> d\u2019Œuvre"
    books.task(
        *("BT-2026-00417", title),
        customer=who,
        location=place,
        contact_email="garde@nuit.example",
        tags=["sous garantie", "Accès par la ruelle"],
    )


@pytest.mark.parametrize(
    "typed",
    [
        "Fuite", "uit", "vier", "FUITE", "fuite sous",
        "BT-2026-00417", "bt-2026", "0417", "417",
        "Zoé", "zoe", "ZOÉ", "Zoe\u0301", "bélan", "belanger", "Fils",
        "Entrepôt", "entrepot", "7",
        "boulevard du béton", "beton", "saint-paul", "G3Z 2T9", "g3z",
        "fuite zoé", "zoe fuite", "beton belanger 417", "2t9 zoé évier entrepôt",
        "l\u2019évier", "l'evier", "œuvre", "oeuvre",
        "zb@fils.example", "ZB@Fils", "quai@", "garde@nuit.example", "zb@ quai@ fuite",
        "zoe\u00a0belanger", "zoe\u202ffuite", "fuite\tzoé", "zo\u00ade\u200b 417",
        "418 555-0136", "4185550136", "(418) 555-0136", "+1 418 555 0136", "1-418-555-0136",
        "418.555.0136", "418\u2011555\u20110136", "+14185550136", "555-0136", "5550136", "555 0136",
        "418 555-0136, poste 24", "zoé 418 555 0136 fuite", "555-01",
        "01 23 45 67 89", "+33 1 23 45 67 89", "0033123456789", "2026-00417", "4512 2026-00417",
        "service", "APPEL DE", "appel fuite", "sous garantie", "ruelle", "payeur",
        "<b>", "%_", "100 %", "neuf\\", "\\", "&", "é", "&  Fils", "\u00a0zoe\u2009",
    ],
)  # fmt: skip
def test_any_part_of_a_word_is_found_wherever_it_stands(console: httpx.Client, typed: str) -> None:
    assert [title for title in found(console, typed) if "évier" in title], typed


@pytest.mark.parametrize(
    "typed",
    ["fuyte", "zoé introuvable", "BT-2027", "fuitesous", "%zoé", "z_é", "fuite|zoé", "b:*", "'x'",
     "zoé'", "!fuite", "417BT", "\u6771", "418 555-0137", "5550137", "fuite 418 555-0137",
     "+1 819 555 0136", "555-0136 introuvable", "garanties"],
)  # fmt: skip
def test_what_stands_nowhere_is_not_found(console: httpx.Client, typed: str) -> None:
    assert found(console, typed) == []


def test_what_is_searched_follows_whatever_is_changed(books: Books, console: httpx.Client) -> None:
    who = books.put("customers", "C-2", name="Anatole Quévillon", email="aq@vieux.example")
    place = books.put("locations", "L-2", name="Verger", address="1, rang Xavier")
    books.task("K-2", "Détecteur", customer=who, location=place)
    for word in ("quevillon", "verger", "xavier", "detecteur", "K-2", "aq@vieux"):
        assert found(console, word) == ["Détecteur"], word
    books.put("customers", "C-2", name="Wilfrid Yelle", email="wy@neuf.example")
    books.put("locations", "L-2", name="Pommeraie", address="1, rang Zacharie")
    for word in ("quevillon", "verger", "xavier", "aq@vieux"):
        assert found(console, word) == [], word
    for word in ("yelle", "pommeraie", "zacharie", "yelle zacharie", "wy@neuf.example"):
        assert found(console, word) == ["Détecteur"], word
    books.task("K-2", "Sonde", customer=books.put("customers", "C-3", name="Ubald"), location=None)
    for word in ("detecteur", "yelle", "pommeraie"):
        assert found(console, word) == [], word
    for word in ("sonde", "ubald", "k-2 ubald"):
        assert found(console, word) == ["Sonde"], word


def test_a_number_a_tag_and_a_types_name_are_searched_as_they_are_now(
    shared: TestDatabase, books: Books, console: httpx.Client
) -> None:
    who = books.put("customers", "C-9", name="Odile", phone="819 555-0201")
    kind = books.put("task-types", "Y-9", name="Ramonage", names={"en": "Sweeping"}, flow={})
    task = books.task("K-9", "Cheminée", customer=who, type=kind, tags=["échelle"])
    for word in ("819-555-0201", "ramonage", "sweep", "echelle", "ramonage 5550201 ECHELLE"):
        assert found(console, word) == ["Cheminée"], word
    kept = in_database(shared.api, lambda: task_text(books.office, task))
    books.put("customers", "C-9", phone="(873) 555-0202")
    books.put("task-types", "Y-9", name="Inspection", names={"en": "Survey"}, flow={})
    assert in_database(shared.api, lambda: task_text(books.office, task)) == kept
    books.task("K-9", "Cheminée", customer=who, type=kind, tags=["harnais"])
    for word in ("819-555-0201", "ramonage", "sweep", "echelle"):
        assert found(console, word) == [], word
    for word in ("873 555 0202", "inspection", "survey", "harnais"):
        assert found(console, word) == ["Cheminée"], word
    books.task("K-9", "Cheminée", customer=who, type=str(books.office.world.service_call))
    assert found(console, "inspection") == []


async def task_text(office: Office, task: str) -> asyncpg.Record | None:
    """The row that has the task's text, with what a write would change of it."""
    async with tx(office.world.account) as opened:
        return await opened.fetchrow(
            "SELECT xmin::text, text FROM searched_text WHERE kind = 'task' AND id = $1", UUID(task)
        )


def test_nothing_of_another_account_is_found(
    api: Served, south: Office, books: Books, console: httpx.Client
) -> None:
    Books(api, south).task("S-1", "Brûleur du sud")
    with browsing(api, south) as theirs:
        assert found(theirs, "bruleur") == ["Brûleur du sud"]
        assert found(theirs, "zoe") == []
    assert found(console, "bruleur") == []


def test_many_are_found_page_by_page_the_last_changed_first(
    shared: TestDatabase, books: Books, console: httpx.Client
) -> None:
    count = 2 * SCREENFUL + 5
    for number in range(count):
        books.task(f"P-{number}", f"Compteur {number:03}", created_at=moment(number))
    path, seen, pages = "/tasks?q=compteur", list[str](), 0
    while path:
        page = console.get(path).text
        seen += TITLE.findall(page)
        onward = re.search(r'href="([^"]+)" rel="next"', page)
        path = html.unescape(onward[1]) if onward else ""
        pages += 1
    assert seen == [f"Compteur {number:03}" for number in reversed(range(count))]
    assert pages == 3
    assert found(console, "compteur", state="600") == []
    assert len(found(console, "compteur", state="100")) == SCREENFUL
    assert found(console, "compteur 007") == ["Compteur 007"]


ABOVE_ALL: Final = 1_000_000
#: By what each leads to.
WAYS: Final = {
    "a walk": Limits(glance=ABOVE_ALL, hits=0, few=0, stretch=0, many=0),
    "a rare word": Limits(glance=0, hits=1, few=ABOVE_ALL, stretch=0, many=0),
    "all words": Limits(glance=0, hits=1, few=0, stretch=0, many=0),
    "a longer walk": Limits(glance=1, hits=2, few=0, stretch=ABOVE_ALL, many=0),
    "and then a word": Limits(glance=1, hits=2, few=1, stretch=2, many=ABOVE_ALL),
    "a walk, as words are frequent": Limits(glance=40, hits=1, few=0, stretch=ABOVE_ALL, many=0),
    "and then the rarest": Limits(glance=40, hits=1, few=0, stretch=41, many=ABOVE_ALL),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_leads_to_the_same_rows(
    shared: TestDatabase, north: Office, books: Books, way: str
) -> None:
    words = ("pompe", "filtre", "vanne", "joint")
    for number in range(60):
        who = books.put("customers", f"W-C{number % 7}", name=words[number % 3])
        place = books.put("locations", f"W-L{number % 5}", name=f"Lieu {number % 5}", address="x")
        title = f"Pièce {words[number % 4]} {number}"
        more = {"created_at": moment(number % 9), "state": ("100", "600")[number % 2]}
        books.task(f"W-{number}", title, customer=who, location=place, **more)

    async def read(opened: Tx, filters: Filters, limits: Limits) -> list[UUID]:
        return [row.id for row in (await read_list(opened, filters, "fr", limits)).rows]

    async def compared() -> None:
        async with tx(north.world.account) as opened:
            everything = (await read_list(opened, Filters("", "", None), "fr")).rows
            after = (everything[20].changed, everything[20].id)
            above = (everything[-3].changed, everything[-3].id)
            for text in (
                "pompe",
                "pompe filtre",
                "piece lieu",
                "lieu 3 joint",
                "1 2",
                "x",
                "pompe zz",
            ):
                for state in ("", "600"):
                    for beside in ((None, None), (after, None), (None, above)):
                        filters = Filters(text, state, *beside)
                        found = await read(opened, filters, WAYS[way])
                        assert found == await read(opened, filters, WAYS["a walk"]), filters
                        assert bool(found) == (text != "pompe zz"), filters

    in_database(shared.api, compared)


@pytest.mark.anyio
async def test_whoever_writes_a_record_writes_its_text(shared: TestDatabase, north: Office) -> None:
    async def written() -> None:
        async with tx(north.world.account) as opened:
            for statement, value in (
                ("UPDATE task SET title = $2 WHERE id = $1", "Bouilloire"),
                ("UPDATE task SET external_id = $2 WHERE id = $1", "EXT-É"),
                ("UPDATE customer SET name = $2 WHERE id = $1", "Ovila"),
                ("UPDATE customer SET phone = $2 WHERE id = $1", "(819) 555-0123"),
            ):
                key = north.customer if "customer" in statement else north.task
                await opened.execute(statement, key, value)
            await opened.execute(
                "INSERT INTO location (account, id, name, address) VALUES ($1, $2, 'Éole', 'rue')",
                north.world.account,
                new_id(),
            )

    in_database(shared.api, written)
    owner = await asyncpg.connect(shared.owner)
    try:
        for kind in ("task", "customer", "location", "app_user", "task_type"):
            kept = await owner.fetch(
                f"SELECT id, s.text, text_to_search(r) AS said FROM {kind} r"
                f" FULL JOIN (SELECT * FROM searched_text WHERE kind = '{kind}') s"
                " USING (account, id)"
            )
            assert [row for row in kept if row["text"] != row["said"]] == []
            assert len(kept) > 1
    finally:
        await owner.close()


def test_a_push_writes_no_text(shared: TestDatabase, north: Office) -> None:
    world = north.world

    async def pushed() -> None:
        device = await world.device(world.alice)
        task = await world.task(technician=world.alice)
        before = await text_of()
        await world.push(device, world.item(task, "600"))
        assert await text_of() == before

    async def text_of() -> list[Any]:
        async with tx(world.account) as opened:
            return await opened.fetch("SELECT xmin::text, ctid::text, id FROM searched_text")

    in_database(shared.api, pushed)


def test_a_forgotten_scope_is_an_error(shared: TestDatabase) -> None:
    async def look() -> None:
        async with tx() as unscoped:
            await unscoped.fetch("SELECT * FROM search_things('nothing has it', 5)")

    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        in_database(shared.api, look)


def test_only_the_scope_is_looked_at(shared: TestDatabase, north: Office, south: Office) -> None:
    async def look(account: int) -> set[Any]:
        async with tx(account) as opened:
            return {
                row["id"] for row in await opened.fetch("SELECT * FROM search_things('e', 500)")
            }

    async def look_at_both() -> tuple[set[Any], set[Any]]:
        return await look(north.world.account), await look(south.world.account)

    ours, theirs = in_database(shared.api, look_at_both)
    assert north.task in ours
    assert south.task in theirs
    assert not ours & theirs
