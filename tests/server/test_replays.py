"""Replay and "try one" by HTTP, on the pages and in the terminal: a draft says what it would do."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from mail import contacts
from mail.campaigns.cap import SurveyCap, set_cap
from mail.campaigns.lifecycle import archive_campaign
from mail.campaigns.store import create_campaign
from mail.replay import run
from rules.campaign import AddressField
from server.console.mailbox import MAIL_POLICY
from server.http.long_reads import MOST_WAITING, LongReads
from server.http.problems import ClientGoneError, CrowdedError
from sync.database import tx
from sync.ids import locator, new_id
from tests.mail.campaigns import change, definition, happened, rows, time_of
from tests.server.test_cli import at
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office, in_database

pytestmark = pytest.mark.slow

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
GONE: Final = "gone@example.net"
MARIE: Final = "Marie@example.net"
NAME: Final = "What it would have sent"


#: What intake does with a task besides.
MOVE: Final = """
UPDATE task SET state = $3, state_moment = $4, state_transition = $5 WHERE account = $1 AND id = $2
"""


OPENED: Final = """
INSERT INTO task_round (account, task, round, opened_at, reason) VALUES ($1, $2, 2, $3, 'Encore')
"""
BOUNCED: Final = """
UPDATE contact SET suppressed = 'bounced', suppressed_at = $3, suppressed_source = 'refusal'
WHERE account = $1 AND id = $2
"""


class Draft:
    """A draft in `office`, and tasks of which each is not asked for another reason."""

    def __init__(self, office: Office) -> None:
        self.office, self.world = office, office.world
        self.tasks: dict[str, UUID] = {}
        self.campaign: UUID
        self.now: datetime

    @classmethod
    async def tell(cls, office: Office) -> "Draft":
        told = cls(office)
        told.now = await time_of(told.world)
        said = definition(
            told.world, delay="00:12:00", mute="07:00:00", secondary=AddressField.LOCATION
        )
        async with tx(told.world.account) as opened:
            told.campaign = await create_campaign(
                opened, "Ébauche", said, external_id=f"draft-{office.name}"
            )
        marie = await told.world.customer(email=MARIE)
        gone = await told.world.customer(email=GONE)
        alone = await told.world.customer()
        await told.task("scheduled", marie, 3 * DAY, "600", "610", external_id="T 1/é")
        await told.task("muted", marie, 2 * DAY, "600", unit=told.world.other_site)
        await told.task("no_address", alone, 2 * DAY, "610")
        await told.task("left_state", alone, 5 * DAY, "600", "300")
        await told.task("before", gone, 9 * DAY, "600")
        await told.task("suppressed", gone, DAY, "600")
        await told.task("waits", marie, HOUR, "600")
        await told.task("old", marie, 100 * DAY, "600")
        await told.task("none", marie, DAY, "300")
        async with tx(told.world.account) as opened:
            known = await contacts.create(opened, {GONE})
            await opened.execute(
                "UPDATE contact SET suppressed = 'unsubscribed', suppressed_at = $3,"
                " suppressed_source = 'link' WHERE account = $1 AND id = $2",
                told.world.account,
                known[GONE].id,
                told.now - 5 * DAY,
            )
        return told

    async def task(
        self, name: str, customer: UUID, ago: timedelta, *states: str, unit: UUID | None = None,
        external_id: str | None = None,
    ) -> None:  # fmt: skip
        """A task that went through `states` an hour apart, the first of them `ago`."""
        self.tasks[name] = await self.world.task(
            customer=customer, title=f"Visite {name}", external_id=external_id, state="100"
        )
        for place, state in enumerate(states):
            moment = self.now - ago + place * HOUR
            where = unit or self.world.site
            step = await happened(self.world, self.tasks[name], state, moment, unit=where)
            moved = (state, moment, step)
            await change(self.world, MOVE, self.world.account, self.tasks[name], *moved)

    def read(self, api: Served, **query: Any) -> Any:
        """A replay, as a program is answered."""
        return get(api, self.office, f"{self.campaign}/replay", **query).json()


def get(api: Served, office: Office, path: str, **query: Any) -> httpx.Response:
    """What a program of `office` is answered about a campaign."""
    url = f"/api/v1/campaigns/{path}"
    return api.client.get(url, params=query, headers=office.program)


@pytest.fixture(scope="module")
def draft(shared: TestDatabase, north: Office) -> Draft:
    """It is told once, and nothing changes it."""
    return in_database(shared.worker, lambda: Draft.tell(north))


@pytest.fixture
def page(api: Served, north: Office) -> Iterator[httpx.Client]:
    """The dispatcher's browser."""
    with browsing(api, north) as browser:
        yield browser


COUNTS: Final = {
    "scheduled": 3, "not_first": 1, "left_state": 1, "no_address": 1, "suppressed": 1, "muted": 1,
}  # fmt: skip


def test_t7_a_draft_says_what_it_would_have_sent_and_why_not_for_the_rest(
    api: Served, draft: Draft
) -> None:
    answer = draft.read(api)
    assert answer["counts"] == COUNTS
    found = {(UUID(line["task"]), line["state"]): line for line in answer["items"]}
    assert Counter(line["outcome"] for line in found.values()) == COUNTS
    moments = [line["moment"] for line in answer["items"]]
    assert moments == sorted(moments, reverse=True)
    asked = found[draft.tasks["scheduled"], "600"]
    assert (asked["title"], asked["external_id"]) == ("Visite scheduled", "T 1/é")
    assert asked["address"] == MARIE
    release = datetime.fromisoformat(asked["release"])
    assert release == draft.now - 3 * DAY + 12 * HOUR
    for name in ("muted", "no_address", "left_state", "suppressed"):
        line = found[draft.tasks[name], "610" if name == "no_address" else "600"]
        assert (line["outcome"], line["release"] is None) == (name, False)
    # The refusal came after the first survey and before the second.
    assert found[draft.tasks["before"], "600"]["outcome"] == "scheduled"
    assert found[draft.tasks["waits"], "600"]["outcome"] == "scheduled"


def test_t7_it_is_counted_and_listed_by_outcome_unit_and_days_page_by_page(
    api: Served, draft: Draft
) -> None:
    everything = draft.read(api)["items"]
    listed: list[Any] = []
    after: dict[str, Any] = {}
    for _ in range(len(everything)):
        part = draft.read(api, limit=3, **after)
        assert part["counts"] == COUNTS
        listed += part["items"]
        if part["next"] is None:
            break
        after = {"after": part["next"]}
    assert listed == everything
    muted = draft.read(api, outcome="muted")
    assert [UUID(line["task"]) for line in muted["items"]] == [draft.tasks["muted"]]
    assert muted["counts"] == COUNTS
    # Mails to other units take the window all the same.
    there = draft.read(api, unit=str(draft.world.other_site))
    assert there["counts"] == {"muted": 1}
    assert draft.read(api, unit=str(draft.world.head_office))["counts"] == COUNTS
    assert draft.read(api, days=366)["counts"]["scheduled"] == 4
    assert draft.read(api, days=1)["counts"] == {"scheduled": 1}


def test_t7_nothing_is_written(api: Served, draft: Draft, shared: TestDatabase) -> None:
    draft.read(api)
    get(api, draft.office, f"{draft.campaign}/try", task=str(draft.tasks["waits"]))

    async def left() -> list[Any]:
        tables = ("decision", "invitation", "outbox", "contact_use", "link")
        counts = ", ".join(f"(SELECT count(*) FROM {name}) AS {name}" for name in tables)
        return await rows(draft.world, f"SELECT {counts}")

    assert set(in_database(shared.worker, left)[0].values()) == {0}


@pytest.mark.parametrize(
    "query",
    [{"days": 0}, {"days": 367}, {"outcome": "sent"}, {"after": "x"}, {"unit": "x"}, {"other": 1}],
)
def test_what_cannot_be_replayed_is_refused(
    api: Served, draft: Draft, query: dict[str, Any]
) -> None:
    assert get(api, draft.office, f"{draft.campaign}/replay", **query).status_code == 400


def test_a_replay_is_the_accounts_own_and_of_no_archived_campaign(
    api: Served, draft: Draft, south: Office, shared: TestDatabase
) -> None:
    tasks = {"replay": {}, "try": {"task": "T 1/é"}}
    for path, query in tasks.items():
        assert get(api, south, f"{draft.campaign}/{path}", **query).status_code == 404
        assert get(api, draft.office, f"{new_id()}/{path}", **query).status_code == 404
        answer = api.client.get(f"/api/v1/campaigns/{draft.campaign}/{path}")
        assert answer.status_code == 401

    async def archived() -> UUID:
        async with tx(draft.world.account) as opened:
            campaign = await create_campaign(opened, "Finie", definition(draft.world))
            await archive_campaign(opened, campaign)
        return campaign

    campaign = in_database(shared.worker, archived)
    for path, query in tasks.items():
        assert get(api, draft.office, f"{campaign}/{path}", **query).status_code == 409


def test_more_tasks_than_are_replayed_at_once_are_refused(
    api: Served, draft: Draft, page: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "MOST_TASKS", 2)
    answer = get(api, draft.office, f"{draft.campaign}/replay")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("too_many_tasks")
    shown = page.get(f"/campaigns/{draft.campaign}/replay")
    assert shown.status_code == 409
    assert "choose fewer days" in words_of(shown.text)


def test_t9_one_task_is_tried_by_its_number_or_id(api: Served, draft: Draft) -> None:
    path = f"{draft.campaign}/try"
    answer = get(api, draft.office, path, task="T 1/é").json()
    by_id = get(api, draft.office, path, task=str(draft.tasks["scheduled"])).json()
    assert by_id["lines"] == answer["lines"]
    assert [line["outcome"] for line in answer["lines"]] == ["scheduled", "not_first"]
    mail = answer["mail"]
    assert (mail["transition"], mail["to"]) == (
        answer["lines"][0]["transition"],
        MARIE,
    )
    assert mail["subject"] == "Votre avis"
    assert "Plomberie Exemple" in mail["author"]
    assert "Marie Tremblay" in mail["text"]
    assert "Marie Tremblay" in mail["html"]
    assert get(api, draft.office, path, task="T 2").status_code == 404


def test_t9_what_waits_is_foretold_and_who_has_no_address_sees_the_mail_too(
    api: Served, draft: Draft
) -> None:
    expected = {
        "waits": ("scheduled", MARIE),
        "suppressed": ("suppressed", GONE),
        "no_address": ("no_address", None),
        "left_state": ("left_state", None),
    }
    for name, (outcome, to) in expected.items():
        answer = get(api, draft.office, f"{draft.campaign}/try", task=str(draft.tasks[name])).json()
        assert answer["lines"][-1]["outcome"] == outcome
        assert answer["mail"]["to"] == to
        assert "Votre visite" in answer["mail"]["html"]
    answer = get(api, draft.office, f"{draft.campaign}/try", task=str(draft.tasks["none"])).json()
    assert (answer["lines"], answer["mail"]) == ([], None)


def test_t9_each_round_is_tried_alone_and_the_mail_is_of_one_that_is_asked(
    api: Served, office: Office, shared: TestDatabase
) -> None:
    """Neither the window nor the cap holds the second round back; that of the first may be lost."""

    async def told() -> tuple[UUID, dict[str, UUID]]:
        world, now = office.world, await time_of(office.world)
        said = definition(world, mute="30:00:00", secondary=AddressField.LOCATION)
        own = (await rows(world, "SELECT email FROM app_user WHERE id = $1", world.alice))[0][0]
        place = await world.location(customer=await world.customer(), email="place@example.net")
        tasks = {}
        for name, email in (("again", MARIE), ("internal", own)):
            customer = await world.customer(email=email)
            tasks[name] = await world.task(customer=customer, location=place)
            await happened(world, tasks[name], "600", now - 4 * DAY)
            await happened(world, tasks[name], "600", now - DAY)
        async with tx(world.account) as opened:
            campaign = await create_campaign(opened, "Ébauche", said)
            await set_cap(opened, SurveyCap(1, 30))
            known = await contacts.create(opened, {own})
            await opened.execute(BOUNCED, world.account, known[own].id, now - 2 * DAY)
            for task in tasks.values():
                await opened.execute(OPENED, world.account, task, now - 3 * DAY)
        return campaign, tasks

    campaign, tasks = in_database(shared.worker, told)
    expected = {
        "again": (["scheduled", "scheduled"], MARIE, 0),
        "internal": (["internal", "scheduled"], "place@example.net", 1),
    }
    for name, (outcomes, to, about) in expected.items():
        answer = get(api, office, f"{campaign}/try", task=str(tasks[name])).json()
        assert [line["outcome"] for line in answer["lines"]] == outcomes
        asked = answer["lines"][about]["transition"]
        assert (answer["mail"]["to"], answer["mail"]["transition"]) == (to, asked)


def test_t7_t9_a_person_reads_it_on_the_campaigns_pages(page: httpx.Client, draft: Draft) -> None:
    campaign = page.get(f"/campaigns/{draft.campaign}").text
    link = re.search(rf'href="(/campaigns/[^"]*)">{NAME}', campaign)
    assert link is not None
    shown = page.get(link[1])
    said = words_of(shown.text)
    assert "A survey would have been sent, or would still wait 3" in said
    assert "was already asked within the campaign's mute window 1" in said
    muted = re.search(r'href="([^"]*outcome=muted)"', shown.text)
    assert muted is not None
    rows_shown = page.get(muted[1]).text.split("<table")[-1]
    assert "Visite muted" in rows_shown
    assert "Visite scheduled" not in rows_shown
    tried = re.search(r'href="(/campaigns/[^"]*/try\?task=[^"]*)"', rows_shown)
    assert tried is not None
    assert "As if version 1 had been active" in words_of(page.get(tried[1]).text)


def test_t9_the_mail_is_shown_in_a_frame_that_runs_nothing(
    page: httpx.Client, draft: Draft
) -> None:
    shown = page.get(f"/campaigns/{draft.campaign}/try", params={"task": "T 1/é"})
    assert "frame-src 'self'" in shown.headers["Content-Security-Policy"]
    said = words_of(shown.text)
    assert "Subject Votre avis" in said
    assert MARIE in said
    frame = re.search(r'<iframe[^>]* sandbox="([^"]*)" src="([^"]*)"', shown.text)
    assert frame is not None
    assert "allow-scripts" not in frame[1]
    letter = page.get(frame[2])
    assert letter.headers["Content-Security-Policy"] == MAIL_POLICY
    assert "Marie Tremblay" in letter.text
    none = page.get(f"/campaigns/{draft.campaign}/try", params={"task": str(draft.tasks["none"])})
    assert "entered no state that this campaign asks about" in words_of(none.text)
    letter = page.get(
        f"/campaigns/{draft.campaign}/try/letter", params={"task": str(draft.tasks["none"])}
    )
    assert letter.status_code == 404


def test_the_pages_say_what_cannot_be_shown(page: httpx.Client, draft: Draft) -> None:
    for days in ("0", "x", "367", "-1", "²"):
        shown = page.get(f"/campaigns/{draft.campaign}/replay", params={"days": days})
        assert shown.status_code == 200
        assert "choose from 1 to 366" in words_of(shown.text)
    odd = page.get(f"/campaigns/{draft.campaign}/replay?outcome=x&unit=1&after=1_2&days=")
    assert "would still wait 3" in words_of(odd.text)
    wrong = page.get(f"/campaigns/{draft.campaign}/try", params={"task": "zzz"})
    assert wrong.status_code == 404
    assert "No task has the number “zzz”" in words_of(wrong.text)
    assert page.get(f"/campaigns/{draft.campaign}/try").status_code == 200
    assert page.get(f"/campaigns/{new_id()}/replay").status_code == 404


def test_t7_the_terminal_shows_it_in_its_language(
    draft: Draft, shared: TestDatabase, tmp_path: Path
) -> None:
    retour = at(shared, tmp_path)
    account = locator(draft.world.account)
    counted = retour("replay", account, str(draft.campaign))
    assert counted.exit_code == 0, counted.output
    assert "Ébauche, version 1, as if active since" in counted.stdout
    assert re.search("^ +3   scheduled +A survey would have", counted.stdout, re.MULTILINE)
    assert re.search(r"^ +8   steps$", counted.stdout, re.MULTILINE)
    called = f"draft-{draft.office.name}"
    listed = retour("replay", account, called, "--reason", "muted", language="fr_CA.UTF-8")
    assert listed.exit_code == 0, listed.output
    assert "comme si elle était active" in listed.stdout
    [row] = [line for line in listed.stdout.splitlines() if "Visite muted" in line]
    assert MARIE in row
    for args in ((account, "nothing"), (account, str(new_id())), ("AAAAAAAA", called)):
        assert retour("replay", *args).exit_code == 1
    assert retour("replay", account, called, "--days", "0").exit_code == 2
    assert retour("replay", account, called, "--reason", "sent").exit_code == 2


class Readers:
    """Long reads of accounts, which end when they are told to."""

    def __init__(self) -> None:
        self.reads, self.begun, self.end = LongReads(), list[int](), asyncio.Event()

    def ask(self, account: int, left: asyncio.Event | None = None) -> asyncio.Task[None]:
        """A read of `account`, whose client leaves when it has `left`."""

        async def receive() -> Any:
            await (left or asyncio.Event()).wait()
            return {"type": "http.disconnect"}

        async def read() -> None:
            self.begun.append(account)
            await self.end.wait()

        return asyncio.create_task(self.reads.run(account, receive, read))

    async def settle(self) -> None:
        """Let everything go on as far as it can."""
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.mark.anyio
async def test_few_long_reads_wait_one_of_an_account_and_they_are_done_one_at_a_time() -> None:
    readers = Readers()
    accepted = []
    for account in (0, 0, *range(1, MOST_WAITING)):  # one that is read, and those that wait
        accepted.append(readers.ask(account))
        await readers.settle()
    for account in (0, 1, MOST_WAITING):
        with pytest.raises(CrowdedError):
            await readers.ask(account)
    assert readers.begun == [0]
    readers.end.set()
    await asyncio.gather(*accepted)
    await readers.ask(7)
    assert readers.begun == [0, 0, *range(1, MOST_WAITING), 7]


@pytest.mark.anyio
async def test_a_long_read_is_dropped_when_its_client_leaves_before_it_begins() -> None:
    readers, left = Readers(), asyncio.Event()
    first, gone = readers.ask(0, left), readers.ask(1, left)
    await readers.settle()
    left.set()
    with pytest.raises(ClientGoneError):
        await gone
    again = readers.ask(1)
    await readers.settle()
    readers.end.set()
    await asyncio.gather(first, again)
    assert readers.begun == [0, 1]
