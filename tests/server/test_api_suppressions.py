"""A6: the suppression list over HTTP: listed, searched, added to, lifted, imported, exported."""

import asyncio
import base64
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from mail.consent import standing
from mail.consent.suppression_file import MOST_LINES, read_file
from sync.database import Tx
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office
from tests.support.stories import on

LIST: Final = "/api/v1/suppressions"


class Place:
    """An office whose program reads and writes the list."""

    def __init__(self, api: Served, database: TestDatabase, office: Office) -> None:
        self.api, self.database, self.office = api, database, office

    def ask(self, **query: Any) -> Any:
        """A page of the list."""
        answer = self.api.client.get(LIST, params=query, headers=self.office.program)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, path: str = "", **body: Any) -> httpx.Response:
        """A request that changes it."""
        return self.api.client.post(LIST + path, json=body, headers=self.office.program)

    def add(self, address: str, reason: str = "unsubscribed") -> Any:
        """A suppression that was added."""
        answer = self.send(address=address, reason=reason)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def imported(self, file: bytes, *, dry_run: bool = False) -> list[tuple[str, str]]:
        """Address and result of each line."""
        coded = base64.b64encode(file).decode()
        answer = self.send("/import", file=coded, dry_run=dry_run)
        assert answer.status_code == 200, answer.text
        return [(line["address"], line["result"]) for line in answer.json()["items"]]

    def audited(self, contact: str) -> list[str]:
        """The actions of the audit about a contact, the newest first."""
        query = {"object": f"contact/{contact}"}
        answer = self.api.client.get("/api/v1/audit", params=query, headers=self.office.program)
        return [entry["action"] for entry in answer.json()["items"]]

    def erase(self, contact: str) -> None:
        """Erase the address of a contact."""

        async def write(tx: Tx) -> None:
            sql = "UPDATE contact SET address = NULL WHERE account = $1 AND id = $2"
            assert await tx.execute(sql, tx.account, UUID(contact)) == 1

        on(self.database, self.office.world.account, write)


@pytest.fixture
def place(api: Served, shared: TestDatabase, office: Office) -> Place:
    """An office of the test's own."""
    return Place(api, shared, office)


@pytest.fixture
def anna(place: Place) -> Iterator[httpx.Client]:
    """The office's administrator in a browser without scripts."""
    with browsing(place.api, place.office, "administrator") as browser:
        yield browser


def test_what_is_added_by_hand_says_why_by_whom_and_since_when(place: Place) -> None:
    made = place.add(" Marie@Example.org ", "bounced")
    assert (made["address"], made["reason"], made["source"]) == (
        "marie@example.org",
        "bounced",
        "staff",
    )
    assert place.ask()["items"] == [made]
    assert place.api.rung[-1] == "deliver"
    assert place.audited(made["id"]) == ["suppression.write"]
    again = place.add("marie@example.org", "full")
    assert (again, place.audited(made["id"])) == (made, ["suppression.write"])


def test_who_leaves_for_good_does_so_whatever_stood_before(place: Place) -> None:
    place.add("a@example.org", "bounced")
    assert place.add("a@example.org", "complaint")["reason"] == "complaint"
    assert place.add("a@example.org", "unsubscribed")["reason"] == "complaint"
    assert place.add("a@example.org", "full")["reason"] == "complaint"


@pytest.mark.parametrize("address", ["", "a", "a@b@c", "a@example.org b@example.org", "é@x.org"])
def test_what_is_no_address_is_refused_with_its_place(place: Place, address: str) -> None:
    answer = place.send(address=address, reason="bounced")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/address"


def test_the_list_is_read_page_by_page_the_newest_first(place: Place) -> None:
    added = [place.add(f"{name}@example.org")["id"] for name in "abcde"]
    found, after = [], None
    while True:
        page = place.ask(limit=2, **({} if after is None else {"after": after}))
        found += [item["id"] for item in page["items"]]
        if (after := page["next"]) is None:
            break
    assert found == added[::-1]
    query = {"after": "yesterday"}
    answer = place.api.client.get(LIST, params=query, headers=place.office.program)
    assert answer.status_code == 400


def test_an_address_is_found_by_itself_or_by_how_it_begins(place: Place) -> None:
    for address in ("marie@example.org", "marc@example.org", "marie@example.org.uk"):
        place.add(address)

    def found(text: str, **query: Any) -> list[str]:
        return [item["address"] for item in place.ask(search=text, **query)["items"]]

    assert found("Marie@EXAMPLE.org") == ["marie@example.org"]
    assert found("mar") == ["marc@example.org", "marie@example.org", "marie@example.org.uk"]
    assert found("mar", limit=1) == ["marc@example.org"]
    following = place.ask(search="mar", limit=1)["next"]
    assert found("mar", after=following) == ["marie@example.org", "marie@example.org.uk"]
    assert found("m%") == found("arie") == []


def test_an_erased_address_stands_as_erased_and_is_found_by_who_knows_it(place: Place) -> None:
    made = place.add("marie@example.org")
    place.erase(made["id"])
    assert place.ask()["items"] == [made | {"address": None}]
    assert place.ask(search="marie@example.org")["items"] == [made | {"address": None}]
    assert place.ask(search="marie")["items"] == []


@pytest.mark.parametrize("reason", ["bounced", "full"])
def test_staff_lift_a_bounce_or_a_full_mailbox_with_a_reason(place: Place, reason: str) -> None:
    made = place.add("marie@example.org", reason)
    assert place.send(f"/{made['id']}/lift", why="").status_code == 400
    assert place.send(f"/{made['id']}/lift", why="Boîte vidée").status_code == 204
    assert place.ask()["items"] == []
    assert place.audited(made["id"]) == ["suppression.lift", "suppression.write"]
    assert place.send(f"/{made['id']}/lift", why="Boîte vidée").status_code == 404


@pytest.mark.parametrize("reason", ["unsubscribed", "complaint"])
def test_nobody_lifts_an_unsubscribe_or_a_complaint(place: Place, reason: str) -> None:
    made = place.add("marie@example.org", reason)
    assert place.send(f"/{made['id']}/lift", why="Elle revient").status_code == 409
    assert place.ask()["items"] == [made]


def test_another_account_has_a_list_of_its_own(place: Place, south: Office) -> None:
    made = place.add("marie@example.org", "bounced")
    other = Place(place.api, place.database, south)
    assert other.ask(search="marie@example.org")["items"] == []
    assert other.send(f"/{made['id']}/lift", why="x").status_code == 404


def test_a_file_is_tried_and_then_imported_with_the_same_result(place: Place) -> None:
    place.add("known@example.org", "bounced")
    file = (
        "Nom;Courriel;Motif\r\nÉlise;elise@example.org;\r\nX;known@example.org;unsubscribed\r\n"
        "Y;elise@example.org;bounced\r\n\r\nZ;nobody;bounced\r\nW;w@example.org;asleep\r\n"
    ).encode("cp1252")
    results = [
        ("elise@example.org", "added"),
        ("known@example.org", "added"),
        ("elise@example.org", "present"),
        ("nobody", "bad_address"),
        ("w@example.org", "unknown_reason"),
    ]
    assert place.imported(file, dry_run=True) == results
    assert [item["address"] for item in place.ask()["items"]] == ["known@example.org"]
    assert place.imported(file) == results
    listed = {item["address"]: item for item in place.ask()["items"]}
    assert {address: (item["reason"], item["source"]) for address, item in listed.items()} == {
        "elise@example.org": ("unsubscribed", "import"),
        "known@example.org": ("unsubscribed", "import"),
    }
    assert place.audited(listed["elise@example.org"]["id"]) == ["suppression.write"]
    assert {result for _, result in place.imported(file)[:3]} == {"present"}


@pytest.mark.parametrize("separator", [";", ","])
def test_the_first_line_with_a_reason_says_what_separates(place: Place, separator: str) -> None:
    lines = f"a@example.org\n\nb@example.org{separator}full\nc@example.org{separator}\n"
    assert {result for _, result in place.imported(lines.encode())} == {"added"}
    kept = {item["address"]: item["reason"] for item in place.ask()["items"]}
    assert kept == {
        "a@example.org": "unsubscribed",
        "b@example.org": "full",
        "c@example.org": "unsubscribed",
    }


def test_of_two_reasons_in_one_file_the_firm_one_stands(place: Place) -> None:
    place.imported(b"a@example.org,bounced\na@example.org,unsubscribed\na@example.org,complaint\n")
    [item] = place.ask()["items"]
    assert item["reason"] == "unsubscribed"


def test_a_file_that_is_too_long_or_none_changes_nothing(place: Place) -> None:
    for file, status in ((b"a@b.org\n" * (MOST_LINES + 1), 413), (b'"' + b"x" * 200_000, 400)):
        coded = base64.b64encode(file).decode()
        assert place.send("/import", file=coded, dry_run=False).status_code == status
    assert place.imported(b"") == []
    assert place.ask()["items"] == []


def test_what_is_exported_starts_no_formula_and_comes_back_as_it_was(
    place: Place, anna: httpx.Client
) -> None:
    reasons = {
        "=cmd@example.org": "bounced",
        "-b@example.org": "full",
        "c@example.org": "complaint",
    }
    for address, reason in reasons.items():
        place.add(address, reason)
    place.erase(place.add("gone@example.org")["id"])
    answer = anna.get("/addresses/export.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    head, *lines = answer.content.decode("utf-8-sig").splitlines()
    assert head == "address;reason;source;since"
    assert [line.split(";")[0] for line in lines] == [
        "c@example.org",
        "'-b@example.org",
        "'=cmd@example.org",
    ]
    assert place.imported(answer.content) == [
        ("c@example.org", "present"),
        ("-b@example.org", "present"),
        ("=cmd@example.org", "present"),
    ]


def test_the_page_finds_adds_and_lifts(place: Place, anna: httpx.Client) -> None:
    assert "All addresses are written to" in anna.get("/addresses").text
    wrong = anna.post("/addresses/add", data={"address": "marie", "reason": "bounced"})
    assert wrong.status_code == 422
    assert 'value="marie"' in wrong.text
    assert "Write one e-mail address" in wrong.text
    made = anna.post("/addresses/add", data={"address": "marie@example.org", "reason": "bounced"})
    assert made.status_code == 303
    told = words_of(anna.get(made.headers["location"]).text)
    assert "marie@example.org Does not exist by hand" in told
    [item] = place.ask()["items"]
    path = f"/addresses/{item['id']}/lift"
    assert path in anna.get("/addresses").text
    assert anna.post(path, data={"why": " "}).status_code == 422
    assert anna.post(path, data={"why": "Vérifié par téléphone"}).status_code == 303
    assert anna.post(path, data={"why": "Vérifié par téléphone"}).status_code == 303
    assert place.ask()["items"] == []


def test_the_page_offers_no_way_back_for_who_left(place: Place, anna: httpx.Client) -> None:
    made = place.add("marie@example.org")
    assert "/lift" not in anna.get("/addresses").text
    page = anna.get(f"/addresses/{made['id']}/lift").text
    assert "only the person can come back" in page
    assert anna.post(f"/addresses/{made['id']}/lift", data={"why": "x"}).status_code == 409
    place.erase(made["id"])
    assert "Erased address" in anna.get("/addresses").text


def test_the_page_tries_lines_before_it_imports_them(place: Place, anna: httpx.Client) -> None:
    lines = "a@example.org\nnobody\n"
    tried = anna.post("/addresses/import", data={"text": lines})
    assert "Nothing is imported yet" in tried.text
    assert "Refused: not an e-mail address" in tried.text
    assert "To be added: 1 · Already there: 0 · Refused: 1" in words_of(tried.text)
    assert place.ask()["items"] == []
    done = anna.post("/addresses/import", data={"text": lines, "do": "yes"})
    assert "Added: 1 · Already there: 0 · Refused: 1" in words_of(done.text)
    assert [item["address"] for item in place.ask()["items"]] == ["a@example.org"]
    assert anna.post("/addresses/import", data={"text": " "}).status_code == 422


def test_a_page_of_many_leads_on(place: Place, anna: httpx.Client) -> None:
    place.imported("".join(f"m{number}@example.org\n" for number in range(60)).encode())
    for path in ("/addresses", "/addresses?q=m"):
        first = anna.get(path).text
        [more] = re.findall(r'href="/addresses\?([^"]+)" rel="next"', first)
        rest = anna.get("/addresses?" + more.replace("&amp;", "&")).text
        assert first.count("@<wbr>example") == 50
        assert rest.count("@<wbr>example") == 10


def test_of_many_addresses_a_search_reads_few(place: Place) -> None:
    """The index in byte order answers under row-level security, whatever the collation."""
    fill = """
    INSERT INTO contact (account, id, address, address_key, suppressed, suppressed_at,
      suppressed_source)
    SELECT $1, gen_random_uuid(), 'n' || n || '@example.org', decode(lpad(to_hex(n), 64, '0'),
      'hex'), 'unsubscribed', retour_now(), 'import'
    FROM generate_series(1, 20000) n
    """
    sql = """
    EXPLAIN SELECT id FROM contact WHERE account = $1 AND suppressed IS NOT NULL
      AND address COLLATE "C" >= 'n77' AND address COLLATE "C" < 'n77\x7f'
      AND address COLLATE "C" > '' ORDER BY address COLLATE "C" LIMIT 51
    """

    async def explain(tx: Tx) -> str:
        await tx.execute(fill, tx.account)
        return "\n".join(row[0] for row in await tx.fetch(sql, tx.account))

    plan = on(place.database, place.office.world.account, explain)
    assert "Index Cond" in plan
    assert "contact_suppressed_address" in plan
    assert "n77" in plan.partition("Index Cond")[2].partition("\n")[0]


def test_a_bounce_that_was_known_comes_back_with_the_one_who_left(place: Place) -> None:
    """Lifting an unsubscribe by the link restores reason and source of before."""
    made = place.add("marie@example.org", "bounced")
    place.add("marie@example.org", "unsubscribed")
    account = place.office.world.account
    back = partial(standing.resubscribe, contact=UUID(made["id"]))
    assert on(place.database, account, back)
    [item] = place.ask()["items"]
    assert (item["reason"], item["source"]) == ("bounced", "staff")


@pytest.mark.anyio
async def test_a_file_is_read_beside_the_requests_and_not_before_them() -> None:
    """With all the lines that it may have: whoever asks for something else meanwhile is served."""
    reading = asyncio.create_task(read_file(b"a@example.org\n" * MOST_LINES))
    await asyncio.sleep(0)
    assert not reading.done()
    assert len(await reading) == MOST_LINES
