"""The demo's past is one that Retour itself would have made, and it leaves no page empty."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random
from typing import Any, cast

import pytest
from msgspec import convert

from mail.planning.plan import plan_due
from mail.replay.run import Wanted, replay_campaign
from rules.decide import Reason
from server.access.passwords import check_passwords
from server.demo.fixture import DEMO, VISITS
from server.demo.past import ACTIVE_DAYS
from server.demo.refusals import FOREIGN_STATE
from server.demo.releases import Releases
from server.demo.seed import password_of
from sync.database import DB, Tx, tx
from sync.intake.incoming import Arrival, Body
from sync.intake.open_transitions import open_items
from sync.intake.verdicts import judge
from tests.catalogues import misspaced
from tests.mail.replaying import fate_of, fates
from tests.support.databases import SECRET, TestDatabase
from tests.support.owner import owning
from tests.support.seeding import seeded
from tests.support.state_guard import walked

pytestmark = pytest.mark.anyio

DECISIONS = """
SELECT campaign, transition, outcome, release FROM decision WHERE account = $1
ORDER BY campaign, transition
"""
INVITATIONS = """
SELECT id, transition, status, reason, due, release FROM invitation WHERE account = $1 ORDER BY id
"""

EVENTS = """
SELECT i.status, i.reason, i.sent_at, array_agg(e.kind ORDER BY e.happened_at, e.id) AS kinds,
  (array_agg(e.attempt ORDER BY e.happened_at, e.id))[1] AS attempt,
  (array_agg(e.detail ORDER BY e.happened_at, e.id))[1] AS detail, min(e.happened_at) AS first
FROM invitation i
LEFT JOIN mail_event e ON e.account = i.account AND e.invitation = i.id
WHERE i.account = $1 AND i.status <> 'scheduled' GROUP BY i.account, i.id
"""
#: How addresses came to get no more mail, and the events of mails that say so.
SUPPRESSIONS = """
SELECT suppressed AS why, suppressed_at AS since FROM contact
WHERE account = $1 AND suppressed IS NOT NULL ORDER BY suppressed_at
"""
SUPPRESSING_EVENTS = """
SELECT CASE kind WHEN 'failed' THEN 'bounced' ELSE kind END AS why, happened_at AS since
FROM mail_event WHERE account = $1 AND kind IN ('failed', 'unsubscribed') ORDER BY happened_at
"""


@pytest.fixture
async def demo(seeded_demo: tuple[TestDatabase, int]) -> AsyncIterator[Tx]:
    """A transaction that reads it."""
    database, account = seeded_demo
    await DB.open(database.worker, size=1)
    async with tx(account) as opened:
        yield opened
    await DB.close()


@pytest.fixture
async def account(database: TestDatabase) -> AsyncIterator[int]:
    """The number of a demo account of the test's own; the loop has a worker's rights."""
    number = await seeded(database)
    await DB.open(database.worker, size=2)
    yield number
    await DB.close()


#: Of each answer what it says of the visit, and what the visit's transition says.
JUDGED = """
SELECT
  (a.task, a.version, a.technician, a.unit, a.account_manager, a.type, a.channel)::text AS says,
  (i.task, i.version, i.technician, t.unit, t.account_manager, t.type, t.channel)::text AS was
FROM answer a
JOIN invitation i ON (i.account, i.id) = (a.account, a.invitation)
JOIN transition t ON (t.account, t.id) = (i.account, i.transition)
WHERE a.account = $1
"""


async def count(opened: Tx, column: str, table: str) -> Counter[Any]:
    """How many rows of the account have each value."""
    rows = await opened.fetch(
        f"SELECT {column} AS value, count(*) AS n FROM {table} WHERE account = $1 GROUP BY 1",
        opened.account,
    )
    return Counter({row["value"]: row["n"] for row in rows})


async def test_its_past_uses_only_the_edge_for_demos(seeded_demo: tuple[TestDatabase, int]) -> None:
    async with owning(seeded_demo[0].owner) as owner:
        steps = await walked(owner.connection)
    assert {step for step in steps if step[0] == "tell"} == {
        ("tell", "none", end) for end in ("sent", "failed", "dropped")
    }


async def test_it_has_the_people_and_tasks_of_the_fixtures(demo: Tx) -> None:
    assert await count(demo, "role", "app_user") == {
        "administrator": 1, "manager": 1, "dispatcher": 2, "technician": 8,
    }  # fmt: skip
    assert await count(demo, "kind", "unit") == {"head_office": 1, "region": 3, "site": 6}
    states = await count(demo, "state", "task")
    assert sum(states.values()) == 300
    assert states.keys() == {state.code for state in DEMO.states}
    first = await demo.fetchval("SELECT min(moment) FROM transition")
    assert timedelta(days=70) < demo.now - first < timedelta(days=95)


async def test_t7_a_replay_says_what_happened(seeded_demo: tuple[TestDatabase, int]) -> None:
    """But for a survey that a dispatcher cancelled, and whom tasks ask that are not planned yet."""
    database, number = seeded_demo
    await DB.open(database.worker, size=1)
    try:
        async with tx(number) as opened:
            active = await opened.fetch("SELECT id FROM campaign WHERE account = $1", number)
        for (campaign,) in active:
            lived = await fates(number, campaign)
            wanted = Wanted(days=ACTIVE_DAYS, limit=1000)
            lines = (await replay_campaign(number, campaign, wanted)).lines
            to_come = {line.address for line in lines if line.transition not in lived} - {None}
            compared = [
                (lived[line.transition], fate_of(line))
                for line in lines
                if line.transition in lived and line.address not in to_come
            ]
            differing = {was[0] for was, said in compared if was != said}
            assert differing <= {Reason.CANCELLED, Reason.CAPPED}  # of whatever campaign
            assert len(compared) > len(lines) / 2
            listed = {line.transition for line in lines}
            missing = {outcome for step, (outcome, *_) in lived.items() if step not in listed}
            assert missing <= {Reason.BEFORE_ACTIVATION}
    finally:
        await DB.close()


async def test_every_reason_can_be_seen(demo: Tx) -> None:
    outcomes = await count(demo, "outcome", "decision")
    assert outcomes.keys() == {"scheduled", *(reason.value for reason in Reason)}


async def test_mails_leave_the_events_that_delivery_writes(demo: Tx) -> None:
    for row in await demo.fetch(EVENTS, demo.account):
        match row["status"]:
            case "sent":
                assert row["kinds"] in (["sent"], ["sent", "unsubscribed"])
                assert (row["attempt"], row["detail"], row["first"]) == (1, None, row["sent_at"])
            case "failed":
                assert (row["kinds"], row["attempt"]) == (["failed"], 1)
                assert row["detail"] == row["reason"] == "550 5.1.1 no such mailbox"
            case "dropped" if row["reason"] == "cancelled":
                assert (row["kinds"], row["attempt"]) == (["cancelled"], 0)
                assert row["detail"]
            case "dropped":
                assert (row["kinds"], row["attempt"]) == (["dropped"], 0)
                assert row["detail"] == row["reason"] is not None
            case status:
                pytest.fail(status)


async def test_each_suppressed_address_has_the_mail_event_that_led_to_it(demo: Tx) -> None:
    events = await demo.fetch(SUPPRESSING_EVENTS, demo.account)
    assert events == await demo.fetch(SUPPRESSIONS, demo.account)
    assert {row["why"] for row in events} == {"bounced", "unsubscribed"}


async def test_answers_are_of_all_kinds(demo: Tx) -> None:
    ratings = await count(demo, "lead_kind || lead_value", "answer")
    likely = await count(demo, "nps", "answer")
    kinds = await count(demo, "kind", "answer_value")
    languages = await count(demo, "language", "answer")
    comments = await count(demo, "text <> ''", "answer_value")
    stars = {f"stars{value}" for value in range(1, 6)}
    assert stars < ratings.keys()
    assert "effort7" in ratings
    assert {"thumbs", "stars", "effort", "nps", "choice", "text"} == kinds.keys()
    assert sum(n for value, n in likely.items() if value is not None and value > 8) > 5
    assert languages.keys() == {"fr_CA", "en_CA"}
    assert sum(n for has_comment, n in comments.items() if has_comment) > 20


async def test_answers_are_about_those_whose_visits_they_judge(demo: Tx) -> None:
    judged = await demo.fetch(JUDGED, demo.account)
    assert len(judged) > 50
    assert [row for row in judged if row["says"] != row["was"]] == []


async def test_planning_the_past_anew_changes_nothing(account: int) -> None:
    async with tx(account) as opened:
        live = [row["task"] for row in await opened.fetch("SELECT task FROM task_change")]
        before = await opened.fetch(DECISIONS, account), await opened.fetch(INVITATIONS, account)
        await opened.execute(
            "INSERT INTO task_change (account, task, changed_at, attempts, not_before)"
            " SELECT account, id, $2, 0, $2 FROM task WHERE account = $1 AND id <> ALL($3)",
            account, opened.now, live,
        )  # fmt: skip
        await opened.execute("DELETE FROM task_change WHERE task = ANY($1)", live)
    while await plan_due():
        pass
    async with tx(account) as opened:
        assert await opened.fetchval("SELECT count(*) FROM task_change") == 0
        after = await opened.fetch(DECISIONS, account), await opened.fetch(INVITATIONS, account)
    assert after == before


async def test_workers_find_something_to_send_at_once(account: int) -> None:
    while await plan_due():
        pass
    async with tx(account) as opened:
        due = await opened.fetchval(
            "SELECT count(*) FROM outbox WHERE not_before <= $1", opened.now
        )
        later = await opened.fetchval(
            "SELECT count(*) FROM outbox WHERE not_before > $1", opened.now
        )
    assert due >= 3
    assert later >= 4


async def test_what_was_refused_and_is_parked_is_what_intake_would_say(demo: Tx) -> None:
    items = await open_items(demo, 100)
    arrivals = [
        Arrival(
            id=item.id,
            sent_id=str(item.id),
            task=item.task,
            body=convert(item, Body, from_attributes=True),
            device=item.device,
            technician=item.technician,
            received=item.received_at,
            digest=b"",
        )
        for item in items
    ]
    states = {row["state"] for row in await demo.fetch("SELECT code AS state FROM state")}
    tasks = {row["id"]: None for row in await demo.fetch("SELECT id FROM task")}
    judged = await judge(demo, arrivals, cast("Any", tasks))
    given = [(item.verdict, item.reason) for item in items]
    assert given == [(judgement.verdict, judgement.reason) for judgement in judged]
    assert Counter(given) == {
        ("refused", "no_authority"): 2,
        ("refused", "unknown_state"): 1,
        ("parked", None): 2,
    }
    assert FOREIGN_STATE not in states
    assert all(item.device is not None for item in items)


async def test_steps_of_dispatchers_count_as_the_work_of_the_technician(demo: Tx) -> None:
    rows = await demo.fetch(
        "SELECT b.role, n.device, t.technician = n.technician AS theirs FROM transition n"
        " JOIN task t ON t.id = n.task JOIN app_user b ON b.id = n.by"
    )
    assert len(rows) > 50
    assert {row["role"] for row in rows} == {"dispatcher"}
    assert {(row["device"], row["theirs"]) for row in rows} == {(None, True)}


async def test_passwords_follow_from_the_secret(demo: Tx) -> None:
    email = DEMO.users[0].email
    assert password_of(SECRET, email) != password_of("another", email)
    stored = await demo.fetchval("SELECT password_hash FROM app_user WHERE email = $1", email)
    assert await check_passwords([stored], password_of(SECRET, email)) == [True]


def test_french_words_have_the_spaces_that_french_wants() -> None:
    french = [comment for comments in VISITS.comments["fr"].values() for comment in comments]
    french += [title for titles in VISITS.titles.values() for title in titles]
    for campaign in DEMO.campaigns:
        message, question = campaign.definition.message, campaign.definition.question
        french += [question.text["fr"], message.subject["fr"], message.body["fr"]]
    assert [fault for text in french for fault in misspaced(text)] == []


def test_a_demo_in_which_nothing_waits_is_made_too() -> None:
    """The survey that a dispatcher cancelled is chosen of what there is."""
    assert Releases(Random(2022), {}).release_all([]) == []
