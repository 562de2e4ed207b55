"""The ledger over HTTP: decisions by campaign, outcome, unit and day, and counts that add up."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from mail.campaigns.definition import Trigger
from mail.ledger.counting import count_due
from mail.ledger.reading import USUAL_DAYS
from sync.database import tx
from tests.mail.campaigns import active, happened, plan_all
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.office import Office, in_database

PATH: Final = "/api/v1/decisions"
#: In the account's zone, America/Toronto, it is still the first.
LATE: Final = datetime(2026, 11, 2, 3, 30, tzinfo=UTC)
EARLY: Final = datetime(2026, 11, 2, 14, 0, tzinfo=UTC)
DAYS: Final = {"first_day": "2026-11-01", "last_day": "2026-11-02"}


def page(api: Served, office: Office, path: str = PATH, **query: Any) -> Any:
    """What a program of `office` is answered."""
    answer = api.client.get(path, params={**DAYS, **query}, headers=office.program)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def count_all(account: int) -> None:
    """Count all that changed, as if its delay were over."""
    async with tx(account) as opened:
        await opened.execute("UPDATE ledger_change SET not_before = retour_now()")
    while await count_due():
        pass


class Told:
    """What happened in `office`, in a database of its own, on the two days of `DAYS`.

    Asked on the first day at the site and once on the second; unticked at the other site; two
    without a decision, of which another campaign decided about one.
    """

    campaign: UUID
    other: UUID
    asked: UUID
    again: UUID
    unticked: UUID
    installed: UUID
    alone: UUID

    @classmethod
    async def tell(cls, office: Office) -> "Told":
        told, world = cls(), office.world
        both = [world.service_call], ["600", "610"]
        told.campaign = await active(world, rules=[Trigger(*both)], opt_out_allowed=True)
        told.other = await active(world, rules=[Trigger([world.installation], ["610"])])
        told.asked, told.again, told.unticked = [await world.task() for _ in range(3)]
        told.installed, told.alone = [await world.task(type=world.installation) for _ in range(2)]
        await happened(world, told.asked, "600", LATE)
        await happened(world, told.asked, "610", EARLY)
        await happened(world, told.again, "610", EARLY)
        there = {"unit": world.other_site, "survey": False}
        await happened(world, told.unticked, "600", EARLY, **there)
        await happened(world, told.installed, "600", EARLY)
        await happened(world, told.installed, "610", EARLY + timedelta(hours=1), survey=False)
        await happened(world, told.alone, "600", EARLY)
        await plan_all()
        await count_all(world.account)
        return told


@pytest.fixture(scope="module")
def told(shared: TestDatabase, north: Office) -> Told:
    """It is told once."""
    return in_database(shared.worker, lambda: Told.tell(north))


def test_t8_decisions_are_found_by_campaign_outcome_unit_and_day(
    api: Served, north: Office, south: Office, told: Told
) -> None:
    world = north.world

    def found(**query: Any) -> list[tuple[UUID, str]]:
        items = page(api, north, **query)["items"]
        return [(UUID(one["task"]), one["outcome"]) for one in items]

    everything = found()
    assert everything[0] == (told.installed, "scheduled")
    assert everything[-1] == (told.asked, "scheduled")
    assert Counter(outcome for _, outcome in everything) == {
        "scheduled": 3, "not_first": 1, "opted_out_by_agent": 1,
    }  # fmt: skip
    assert found(campaign=str(told.other)) == [(told.installed, "scheduled")]
    assert found(outcome="not_first") == [(told.asked, "not_first")]
    assert set(found(outcome=["not_first", "opted_out_by_agent"])) == {
        (told.asked, "not_first"), (told.unticked, "opted_out_by_agent"),
    }  # fmt: skip
    assert found(unit=str(world.other_site)) == [(told.unticked, "opted_out_by_agent")]
    assert found(unit=str(world.region)) == everything
    assert found(unit=str(world.region), outcome="not_first") == [(told.asked, "not_first")]
    assert found(last_day="2026-11-01") == [(told.asked, "scheduled")]
    assert found(first_day="2026-11-02") == everything[:-1]
    assert page(api, south)["items"] == []
    [row] = page(api, north, last_day="2026-11-01")["items"]
    assert (row["day"], row["state"], row["unit"]) == ("2026-11-01", "600", str(world.site))


@pytest.mark.parametrize("wanted", [{}, {"outcome": ["scheduled", "not_first"]}])
def test_t8_decisions_are_read_page_by_page(
    api: Served, north: Office, told: Told, wanted: dict[str, Any]
) -> None:
    whole = page(api, north, **wanted)
    assert whole["next"] is None
    read: list[Any] = []
    after: dict[str, str] = {}
    while True:
        part = page(api, north, limit=1, **wanted, **after)
        read += part["items"]
        if part["next"] is None:
            break
        after = {"after": part["next"]}
    assert read == whole["items"]


def test_t8_completed_is_asked_and_each_reason(api: Served, north: Office, told: Told) -> None:
    counts = PATH + "/counts"
    assert page(api, north, counts) == {
        **DAYS,
        "zone": "America/Toronto",
        "items": [
            {
                "campaign": None,
                "completed": 5,
                "asked": 3,
                "reasons": {"no_campaign": 1, "opted_out_by_agent": 1},
            }
        ],
    }
    first, second = page(api, north, counts, campaign=[str(told.campaign), str(told.other)])[
        "items"
    ]
    assert first == {
        "campaign": str(told.campaign),
        "completed": 5,
        "asked": 2,
        "reasons": {"opted_out_by_agent": 1, "not_selected": 2},
    }
    assert (second["asked"], second["reasons"]) == (1, {"not_selected": 4})
    [there] = page(api, north, counts, unit=str(north.world.other_site))["items"]
    assert (there["completed"], there["reasons"]) == (1, {"opted_out_by_agent": 1})
    [first_day] = page(api, north, counts, last_day="2026-11-01")["items"]
    assert (first_day["completed"], first_day["asked"]) == (1, 1)


def test_without_days_it_is_the_last_thirty(api: Served, south: Office) -> None:
    answer = api.client.get(PATH + "/counts", headers=south.program).json()
    first, last = (date.fromisoformat(answer[name]) for name in ("first_day", "last_day"))
    assert (last - first).days == USUAL_DAYS - 1


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("outcome=asked", "/outcome/0"),
        ("campaign=x", "/campaign/0"),
        ("first_day=2026-02-30", "/first_day"),
        ("first_day=2026-02-02&last_day=2026-02-01", ""),
        ("first_day=2025-01-01&last_day=2026-02-01", ""),
        ("first_day=0001-01-01", ""),
        ("after=1", ""),
        ("limit=1&limit=2", ""),
    ],
)
def test_a_query_that_cannot_be_read_says_where(
    api: Served, north: Office, query: str, pointer: str
) -> None:
    answer = api.client.get(f"{PATH}?{query}", headers=north.program)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
