"""A customer may be asked about no visit; and who was asked is kept with every invitation."""

import re
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest

from mail import contacts
from mail.campaigns.lifecycle import archive_campaign
from mail.campaigns.questions import Question
from mail.campaigns.texts import Lines, Message
from mail.responses.answers import open_survey, submit
from mail.responses.rollup import roll_due
from mail.responses.submission import Submission
from sync.database import tx
from tests.mail import relational
from tests.mail.campaigns import active, change, only_invitation, rows, time_of
from tests.mail.delivering import HOUR, MINUTE, Post
from tests.support.world import World

pytestmark = pytest.mark.anyio

ADDRESS: Final = "marie@example.net"


async def customer_of(world: World, **fields: Any) -> UUID:
    return await world.customer(email=ADDRESS, **fields)


async def asked_row(world: World, task: UUID) -> tuple[str, UUID | None, bool, object]:
    found = await only_invitation(world, task)
    return found["kind"], found["customer"], found["manual"], found["period"]


async def test_who_is_asked_about_a_task_is_the_customer_of_its_transition(post: Post) -> None:
    await active(post.world, delay="00:01:00")
    first, second = await customer_of(post.world), await customer_of(post.world, name="Alain Roy")
    task = await post.world.task(customer=first)
    await post.moved(task, "600", await time_of(post.world) - MINUTE)
    assert await asked_row(post.world, task) == ("task", first, False, None)
    await change(post.world, "UPDATE task SET customer = $2 WHERE id = $1", task, second)
    assert await asked_row(post.world, task) == ("task", first, False, None)
    await post.moved(task, "610", await time_of(post.world) - 2 * MINUTE)
    assert await asked_row(post.world, task) == ("task", second, False, None)


async def test_who_is_asked_again_is_the_customer_of_the_transition_that_asks(post: Post) -> None:
    await active(post.world)
    first, second = await customer_of(post.world), await customer_of(post.world, name="Alain Roy")
    task = await post.world.task(customer=first)
    await post.moved(task, "600")
    await post.later(MINUTE)
    await post.moved(task, "200")
    await post.deliver()
    await change(post.world, "UPDATE task SET customer = $2 WHERE id = $1", task, second)
    await post.later(3 * MINUTE)
    await post.moved(task, "610")
    assert await asked_row(post.world, task) == ("task", second, False, None)


async def test_a_task_without_customer_is_asked_about_without_one(post: Post) -> None:
    await active(post.world)
    task = await post.finished()
    assert await asked_row(post.world, task) == ("task", None, False, None)


@pytest.mark.parametrize(
    "columns",
    [
        {"customer": None},
        {"period": None},
        {"manual": True},
        {"kind": "task"},
        {"kind": "other"},
        {"round": 1},
        {"technician": "alice"},
        {"task": "its task"},
        {"kind": "task", "task": "its task", "round": 1, "period": None},
        {"kind": "task", "technician": "alice", "round": 1, "period": None},
    ],
    ids=str,
)
async def test_an_invitation_is_about_a_visit_or_about_a_period(
    world: World, columns: dict[str, Any]
) -> None:
    campaign, customer = await active(world), await customer_of(world)
    known = {"alice": world.alice, "its task": await world.task()}
    named = {key: known.get(value, value) for key, value in columns.items()}
    row = {"campaign": campaign, "customer": customer, **named}
    async with tx(world.account) as opened:
        with pytest.raises(asyncpg.CheckViolationError):
            await relational.invite(opened, **row)


async def test_a_customer_is_asked_once_in_a_period_of_a_campaign(world: World) -> None:
    campaign, customer = await active(world), await customer_of(world)
    await relational.waiting(world, campaign, customer)
    await relational.waiting(world, await active(world), customer)
    await relational.waiting(world, campaign, await customer_of(world))
    async with tx(world.account) as opened:
        later = relational.PERIOD + timedelta(days=31)
        await relational.invite(opened, campaign=campaign, customer=customer, period=later)
    with pytest.raises(asyncpg.UniqueViolationError):
        await relational.waiting(world, campaign, customer)


async def test_a_task_is_asked_about_once_in_a_round_of_a_campaign(post: Post) -> None:
    campaign = await active(post.world)
    asked = await only_invitation(post.world, await post.visit())
    kept = ("task", "round", "transition", "technician", "kind", "period", "customer")
    again = {"campaign": campaign} | {key: asked[key] for key in kept}
    async with tx(post.world.account) as opened:
        with pytest.raises(asyncpg.UniqueViolationError):
            await relational.invite(opened, **again)


@pytest.mark.parametrize(("language", "word"), [("fr", "visite"), ("en", "visit")])
async def test_its_letter_speaks_of_no_visit(post: Post, language: str, word: str) -> None:
    quiet: Lines = {"fr": "Un mot", "en": "A word"}
    question = Question({"fr": "Êtes-vous satisfaite ?", "en": "Are you satisfied?"})
    message = Message(sender_name="Plomberie Exemple", subject=quiet, title=quiet, body=quiet)
    campaign = await active(post.world, question=question, message=message)
    customer = await customer_of(post.world, language=f"{language}_CA")
    await relational.waiting(post.world, campaign, customer)
    await post.deliver_all()
    [mail] = post.server.mails
    assert mail.recipient == ADDRESS
    for text in (mail.text(), mail.text("html")):
        assert "Marie Tremblay" in text
        assert re.search(word, text, re.IGNORECASE) is None
        assert "None" not in text
    [left] = await rows(post.world, "SELECT * FROM invitation")
    assert (left["status"], left["task"], left["address"]) == ("sent", None, ADDRESS)
    assert left["address_by_technician"] is False
    events = await rows(post.world, "SELECT kind FROM mail_event")
    assert [row["kind"] for row in events] == ["sent"]


async def test_letters_about_a_visit_and_about_none_leave_together(post: Post) -> None:
    campaign = await active(post.world)
    await relational.waiting(post.world, campaign, await customer_of(post.world))
    task = await post.visit()
    await post.deliver_all()
    about = {mail.recipient: "Appel de service" in mail.text() for mail in post.server.mails}
    assert about.pop(ADDRESS) is False
    assert list(about.values()) == [True]
    assert await post.status(task) == ("sent", None)


async def answered(post: Post, **customer: Any) -> asyncpg.Record:
    """The answer of a customer who was asked about no visit."""
    campaign = await active(post.world)
    who = await customer_of(post.world, **customer)
    async with tx(post.world.account) as opened:
        _, token = await relational.asked(opened, campaign, who, ADDRESS)
    survey = await open_survey(token)
    assert survey is not None
    assert (survey.visit, survey.zone) == (None, "America/Toronto")
    await submit(token, Submission(rating=2, comment="Cher"))
    [found] = await rows(post.world, "SELECT * FROM answer")
    assert (await rows(post.world, "SELECT invitation FROM rollup_change")) != []
    return found


async def test_its_answer_is_of_no_task_but_of_the_customer(post: Post) -> None:
    kept = await answered(post, unit=post.world.site, account_manager=post.world.dispatcher)
    assert (kept["task"], kept["technician"], kept["type"], kept["channel"]) == (None,) * 4
    assert (kept["unit"], kept["account_manager"]) == (post.world.site, post.world.dispatcher)
    assert (kept["lead_value"], kept["sentiment"]) == (2, "negative")


async def test_its_answer_is_kept_where_no_unit_has_the_customer(post: Post) -> None:
    kept = await answered(post)
    assert (kept["unit"], kept["account_manager"], kept["lead_value"]) == (None, None, 2)


async def test_its_answer_is_part_of_no_tasks_result(post: Post) -> None:
    await answered(post)
    assert await roll_due() == 1
    assert await rows(post.world, "SELECT FROM task_result") == []
    assert await rows(post.world, "SELECT FROM rollup_change") == []


async def test_who_wants_no_more_mail_is_not_asked_about_no_visit_either(post: Post) -> None:
    campaign = await active(post.world)
    async with tx(post.world.account) as opened:
        await contacts.create(opened, [ADDRESS])
        await opened.execute("UPDATE contact SET suppressed = 'unsubscribed'")
    await relational.waiting(post.world, campaign, await customer_of(post.world))
    await post.deliver_all()
    assert post.server.mails == []
    [found] = await rows(post.world, "SELECT status, reason FROM invitation")
    assert tuple(found) == ("dropped", "suppressed")
    assert await rows(post.world, "SELECT FROM decision") == []


async def test_it_is_not_sent_once_its_campaign_is_put_away(post: Post) -> None:
    campaign = await active(post.world)
    await relational.waiting(post.world, campaign, await customer_of(post.world))
    async with tx(post.world.account) as opened:
        await archive_campaign(opened, campaign)
    [found] = await rows(post.world, "SELECT status, reason FROM invitation")
    assert tuple(found) == ("dropped", "paused")


async def test_a_mailbox_that_is_full_counts_it_as_one_more_visit(post: Post) -> None:
    campaign = await active(post.world)
    customer = await customer_of(post.world)
    post.server.refused[ADDRESS] = "552 5.2.2 mailbox full"
    asked = await relational.waiting(post.world, campaign, customer)
    for _ in range(16):
        await post.deliver_all()
        await post.later(4 * HOUR)
    [kept] = await rows(post.world, "SELECT full_visits FROM contact")
    assert kept["full_visits"] == [asked]
