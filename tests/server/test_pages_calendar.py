"""The page of quiet hours and holidays, and what other pages say of a survey that they move."""

import html
import re
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from mail.campaigns.calendar import AccountCalendar, ClosedDay, WeekHours, save_calendar
from sync.database import tx
from sync.ids import new_id
from tests.mail.campaigns import active
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office, in_database

WORKING = {
    f"working_hours-{day}": "9-17"
    for day in ("monday", "tuesday", "wednesday", "thursday", "friday")
}


@pytest.fixture
def anne(api: Served, office: Office) -> Iterator[httpx.Client]:
    """The office's administrator, reading English."""
    with browsing(api, office, "administrator") as browser:
        yield browser


def calendar(api: Served, office: Office) -> dict[str, object]:
    """What a program reads."""
    found: dict[str, object] = api.client.get("/api/v1/calendar", headers=office.program).json()
    return found


def test_an_administrator_sets_hours_region_and_closed_days(
    api: Served, office: Office, anne: httpx.Client
) -> None:
    form = WORKING | {
        "mail_hours-monday": "8h – 12h30; 13:00-20",  # noqa: RUF001
        "region": "CA-QC",
        "closed": "2027-12-24 Veille de Noël\n\n2028-01-03  Inventaire",
    }
    answer = anne.post("/calendar/save", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/calendar?saved=yes")
    said = calendar(api, office)
    assert said["region"] == "CA-QC"
    assert said["mail_hours"]["monday"] == ["08:00-12:30", "13:00-20:00"]  # type: ignore[index]
    assert said["working_hours"]["friday"] == ["09:00-17:00"]  # type: ignore[index]
    assert [day["name"] for day in said["closed"]] == ["Veille de Noël", "Inventaire"]  # type: ignore[attr-defined]

    page = anne.get("/calendar?saved=yes").text
    assert "The calendar is saved" in words_of(page)
    assert 'value="08:00-12:30, 13:00-20:00"' in page
    assert "2027-12-24 Veille de Noël\n2028-01-03 Inventaire</textarea>" in page
    for language, name in (("en", "Canada Day"), ("fr", "Fête du Canada")):
        assert name in words_of(anne.get(f"/calendar?lang={language}").text)


def test_a_holiday_is_unticked_and_others_stay(
    api: Served, office: Office, anne: httpx.Client
) -> None:
    anne.post("/calendar/save", data=WORKING | {"region": "CA-QC"})
    page = anne.get("/calendar").text
    keys = re.findall(r'name="observed-([^"]+)" value="yes" checked', html.unescape(page))
    assert "Canada Day" in keys
    ticked = {f"observed-{key}": "yes" for key in keys if key != "Canada Day"}
    form = WORKING | {"region": "CA-QC", "listed": "CA-QC"} | ticked
    assert anne.post("/calendar/save", data=form).status_code == 303
    assert calendar(api, office)["not_observed"] == ["Canada Day"]
    page = anne.get("/calendar").text
    assert 'name="observed-Canada Day" value="yes">' in page
    # A form that listed no holidays says nothing about them.
    assert anne.post("/calendar/save", data=WORKING | {"region": "FR"}).status_code == 303
    assert calendar(api, office)["not_observed"] == ["Canada Day"]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"mail_hours-monday": "matin"}, "mail_hours-monday"),
        ({"mail_hours-tuesday": "20-8"}, "mail_hours-tuesday"),
        ({"mail_hours-tuesday": "8-25"}, "mail_hours-tuesday"),
        ({"working_hours-sunday": "9-12, 11-13"}, "working_hours-sunday"),
        (dict.fromkeys(WORKING, ""), "working_hours-monday"),
        ({"region": "QC"}, "region"),
        ({"closed": "24 décembre"}, "closed"),
        ({"closed": "2027-02-30 x"}, "closed"),
        ({"closed": "2027-02-03 x\n2027-02-03 y"}, "closed"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_field_and_stays_typed(
    api: Served, office: Office, anne: httpx.Client, typed: dict[str, str], field: str
) -> None:
    before = calendar(api, office)
    answer = anne.post("/calendar/save", data=WORKING | typed)
    assert answer.status_code == 422
    page = answer.text
    assert re.search("<title>Error: ", page)
    assert (f'href="#{field}"' in page, f'id="wrong-{field}"' in page) == (True, True)
    for text in typed.values():
        assert text in page
    assert calendar(api, office) == before


def test_all_that_is_wrong_is_said_at_once(anne: httpx.Client) -> None:
    typed = {"mail_hours-monday": "matin", "working_hours-tuesday": "9-8", "closed": "Noël"}
    page = anne.post("/calendar/save", data=WORKING | typed).text
    assert re.findall(r'href="#([a-z]+_hours-[a-z]+|closed|region)"', page) == list(typed)
    unread = dict.fromkeys(WORKING, "") | {"working_hours-monday": "matin"}
    page = anne.post("/calendar/save", data=unread).text
    assert page.count('href="#working_hours-monday"') == 1


@pytest.mark.parametrize("role", ["manager", "dispatcher"])
def test_those_who_may_not_change_it_read_it(api: Served, office: Office, role: str) -> None:
    with browsing(api, office, role) as reader:
        page = reader.get("/calendar")
        assert (page.status_code, "<form method" in page.text.partition("<main")[2]) == (200, False)
        assert "Mail goes at any hour." in words_of(page.text)
        assert 'href="/calendar"' in reader.get("/campaigns").text
        assert reader.post("/calendar/save", data=WORKING).status_code == 403


def test_what_was_typed_is_kept_over_the_end_of_a_session(
    api: Served, office: Office, anne: httpx.Client
) -> None:
    anne.post("/logout")
    form = WORKING | {"mail_hours-monday": "8-20", "region": "CA-ON"}
    asked = anne.post("/calendar/save", data=form)
    assert asked.status_code == 401
    assert "mail_hours-monday" in asked.text


@pytest.mark.parametrize(
    ("closes", "said"),
    [(True, "a closed day (Inventaire)"), (False, "in quiet hours")],
    ids=["a closed day", "quiet hours"],
)
def test_pages_say_that_a_survey_is_moved_and_why(
    api: Served,
    office: Office,
    diane: httpx.Client,
    shared: TestDatabase,
    closes: bool,
    said: str,
) -> None:
    """Its release would be in twelve hours: on a day that is closed, or outside of one hour."""

    async def make() -> None:
        await active(office.world, delay="00:12:00")
        async with tx(office.world.account) as opened:
            due = opened.now + timedelta(hours=12)
            days = [due.date() + timedelta(days=number) for number in (-1, 0, 1)]
            closed = [ClosedDay(day, "Inventaire") for day in days] if closes else []
            hour = f"{(due.hour + 12) % 24:02}:00-{(due.hour + 12) % 24:02}:01"
            hours = None if closes else WeekHours(*([hour] for _ in range(7)))
            await save_calendar(opened, AccountCalendar(closed=closed, mail_hours=hours))

    in_database(shared.worker, make)
    form = {"id": str(new_id()), "state": "600"}
    answer = diane.post(f"/tasks/{office.task}/transitions", data=form)
    page = words_of(diane.get(answer.headers["location"]).text)
    assert re.search("The survey will leave on .*, if nothing changes. It was due on ", page)
    assert page.count(said) == 2


def cap(api: Served, office: Office) -> object:
    """What a program reads of the cap."""
    return api.client.get("/api/v1/cap", headers=office.program).json()["cap"]


def test_w6_an_administrator_sets_and_removes_how_often_an_address_is_asked(
    api: Served, office: Office, anne: httpx.Client
) -> None:
    answer = anne.post("/calendar/cap", data={"surveys": " 2 ", "days": "90"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/calendar?saved=cap")
    assert cap(api, office) == {"surveys": 2, "days": 90}
    page = anne.get("/calendar?saved=cap").text
    assert "The limit is saved" in words_of(page)
    assert 'name="surveys" inputmode="numeric" value="2"' in page
    with browsing(api, office, "manager") as reader:
        page = words_of(reader.get("/calendar").text)
        assert "Surveys to an address, at most 2 In how many days 90" in page
        assert reader.post("/calendar/cap", data={}).status_code == 403
    anne.post("/calendar/cap", data={"surveys": "", "days": ""})
    assert cap(api, office) is None
    assert "The limit is removed" in words_of(anne.get("/calendar?saved=cap").text)


@pytest.mark.parametrize(("surveys", "number"), [("1", 1), ("1.0", 1), ("1e1", 10)])
def test_w6_a_limit_is_the_number_that_was_typed(
    api: Served, office: Office, anne: httpx.Client, surveys: str, number: int
) -> None:
    answer = anne.post("/calendar/cap", data={"surveys": surveys, "days": "7"})
    assert answer.status_code == 303
    assert cap(api, office) == {"surveys": number, "days": 7}


@pytest.mark.parametrize(
    ("surveys", "days", "wrong"),
    [
        ("1", "", ["days"]),
        ("21", "9e9", None),
        *((text, "7", ["surveys"]) for text in ("0", "two", "+3", "٣", "", "1 0")),
    ],
)
def test_w6_what_is_no_limit_is_said_at_its_field_and_stays_typed(
    api: Served,
    office: Office,
    anne: httpx.Client,
    surveys: str,
    days: str,
    wrong: list[str] | None,
) -> None:
    answer = anne.post("/calendar/cap", data={"surveys": surveys, "days": days})
    page = answer.text
    assert answer.status_code == 422
    assert "<title>Error: " in page
    for field in wrong or ["surveys", "days"]:
        assert (f'href="#{field}"' in page, f'id="wrong-{field}"' in page) == (True, True)
    assert (f'value="{surveys}"' in page, f'value="{days}"' in page) == (True, True)
    assert cap(api, office) is None
