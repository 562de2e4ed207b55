"""What a customer sends with the page: one answer, its versions, and what is refused."""

import asyncio
from datetime import UTC, date
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from msgspec.structs import replace

from mail import contacts
from mail.campaigns.questions import FurtherQuestion, ReasonChoice
from mail.campaigns.sender import SenderIdentity
from mail.migrations.mail_2026_11_29t15_10_00_000000 import PRUNING
from mail.responses.answers import Closed, Invalid, open_survey, submit
from mail.responses.recording import Body, Recorded, Value, decode_body
from mail.responses.submission import Given, Submission
from mail.responses.subscriptions import (
    Subscription,
    open_subscription,
    resubscribe,
    unsubscribe,
)
from sync.database import tx
from sync.ids import new_account_number
from sync.tokens import mint, write
from tests.mail.campaigns import active, change, only_invitation, plan_all, rows
from tests.mail.sent import ADDRESS, Sent, left, sent
from tests.support.databases import TestDatabase
from tests.support.world import World

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
async def mail(world: World) -> Sent:
    location = await world.location(zone="America/Halifax")
    return await sent(world, await world.task(location=location))


def given(rating: int | None = 5, **fields: Any) -> Submission:
    return Submission(rating=rating, **fields)


async def answers(world: World) -> list[asyncpg.Record]:
    """Every answer as it stands, with what was said to its leading question."""
    return await rows(
        world,
        "SELECT a.*, v.value, v.choices, v.text FROM answer a JOIN answer_value v"
        " USING (account, invitation) WHERE v.question = 'lead'",
    )


async def versions(world: World) -> list[tuple[int, Body]]:
    """What was said, version by version."""
    found = await rows(world, "SELECT version, body FROM answer_version ORDER BY version")
    return [(row["version"], decode_body(row["body"])) for row in found]


async def test_an_open_survey_says_which_visit_it_is_about(world: World, mail: Sent) -> None:
    survey = await open_survey(mail.survey)
    assert survey is not None
    asked = await only_invitation(world, mail.task)
    assert (survey.company, survey.language) == ("Plomberie Exemple", "fr_CA")
    assert survey.account_language == "fr_CA"
    visit = survey.visit
    assert visit is not None
    assert (visit.moment, survey.zone) == (asked["due"], "America/Halifax")
    assert visit.moment.tzinfo == UTC
    assert (visit.type_name, visit.place) == ("Appel de service", "Chalet")
    assert visit.address == "12, rue des Pins, Rimouski"
    assert survey.content.lead.reasons[0].code == "late"
    assert (survey.deadline, survey.answer) == (asked["deadline"], None)


async def test_a_task_without_a_place_is_told_in_the_accounts_zone(world: World) -> None:
    survey = await open_survey((await sent(world)).survey)
    assert survey is not None
    assert survey.visit is not None
    assert (survey.zone, survey.visit.place) == ("America/Toronto", None)


async def test_an_answer_is_kept_with_its_version_and_asks_for_a_rollup(
    world: World, mail: Sent
) -> None:
    outcome = await submit(
        mail.survey,
        given(
            2,
            reasons=["dirty", "late"],
            comment=" Trop\r\ntard\x00 ",
            call_back=True,
            phone=" 418\t555-0123 ",
        ),
    )
    assert outcome == Recorded(1, changed=True)
    [kept] = await answers(world)
    assert (kept["value"], kept["choices"], kept["text"]) == (2, ["late", "dirty"], "Trop\ntard")
    assert (kept["lead_kind"], kept["lead_value"], kept["sentiment"]) == ("stars", 2, "negative")
    assert (kept["call_back"], kept["phone"]) == (True, "418 555-0123")
    assert kept["language"] == "fr_CA"
    assert (kept["task"], kept["campaign"]) == (mail.task, mail.campaign)
    assert kept["first_answered_at"] == kept["answered_at"]
    queued = await rows(world, "SELECT invitation FROM rollup_change")
    assert [row["invitation"] for row in queued] == [mail.invitation]


async def test_the_same_again_is_no_new_version(world: World, mail: Sent) -> None:
    await submit(mail.survey, given(4, comment="Bien"))
    await change(world, "DELETE FROM rollup_change")
    again = await submit(mail.survey, given(4, comment="Bien\n", language="en"))
    assert again == Recorded(1, changed=False)
    assert len(await rows(world, "SELECT FROM answer_version")) == 1
    assert await rows(world, "SELECT FROM rollup_change") == []


async def test_a_changed_answer_is_the_next_version(world: World, mail: Sent) -> None:
    await submit(mail.survey, given(1, reasons=["late"]))
    await submit(mail.survey, given(4, language="en_US"))
    assert await submit(mail.survey, given(5)) == Recorded(3, changed=True)
    kept = [
        (version, body.lead.value, body.lead.choices, body.language)
        for version, body in await versions(world)
    ]
    assert kept == [(1, 1, ["late"], "fr_CA"), (2, 4, [], "en_CA"), (3, 5, [], "fr_CA")]
    survey = await open_survey(mail.survey)
    assert survey is not None
    assert survey.answer is not None
    assert (survey.answer.version, survey.answer.rating) == (3, 5)


ASKED: Final = [
    FurtherQuestion(key="effort", kind="effort", text={"fr": "Facile ?"}),
    FurtherQuestion(
        key="why",
        kind="choice",
        text={"fr": "Pourquoi ?"},
        choices=[ReasonChoice("late", {"fr": "Retard"}), ReasonChoice("dirty", {"fr": "Saleté"})],
        several=True,
        after=["negative"],
    ),
    FurtherQuestion(key="praise", kind="text", text={"fr": "Qui ?"}, after=["positive"]),
]


async def test_every_question_of_a_survey_is_a_value_of_its_answer(world: World) -> None:
    mail = await sent(world, further=ASKED, measure_nps=True)
    further = {
        "effort": Given(value=6),
        "why": Given(choices=["dirty", "late"]),
        "praise": Given(text="Jean"),
        "nps": Given(value=0),
    }
    said = given(1, further=further, was_asked_after=True)
    assert await submit(mail.survey, said) == Recorded(1, changed=True)
    values = await rows(world, "SELECT * FROM answer_value WHERE question <> 'lead'")
    assert {row["question"]: (row["kind"], row["value"], row["choices"]) for row in values} == {
        "effort": ("effort", 6, []),
        "why": ("choice", None, ["late", "dirty"]),
        "nps": ("nps", 0, []),
    }
    [answer] = await answers(world)
    assert (answer["lead_value"], answer["nps"], answer["sentiment"]) == (1, 0, "negative")
    survey = await open_survey(mail.survey)
    assert survey is not None
    assert [question.key for question in survey.questions] == ["effort", "why", "praise", "nps"]
    assert survey.answer is not None
    assert survey.answer.further.keys() == {"effort", "why", "nps"}


async def test_what_the_second_step_asked_stays_until_the_rating_is_another(world: World) -> None:
    mail = await sent(world, further=ASKED)
    second = {"effort": Given(value=2), "why": Given(choices=["late"])}
    await submit(mail.survey, given(1))
    await submit(mail.survey, given(1, further=second, was_asked_after=True))
    first = {"effort": Given(value=2)}
    assert await submit(mail.survey, given(1, further=first)) == Recorded(2, changed=False)
    assert await submit(mail.survey, given(2)) == Recorded(3, changed=True)
    assert await submit(mail.survey, given(5)) == Recorded(4, changed=True)
    assert await submit(mail.survey, given(1)) == Recorded(5, changed=True)
    said = [set(body.further) for _, body in await versions(world)]
    assert said == [set(), {"effort", "why"}, {"why"}, set(), set()]


async def test_of_an_answer_changed_many_times_the_first_and_the_last_19_are_kept(
    world: World, mail: Sent
) -> None:
    for number in range(1, 51):
        outcome = await submit(mail.survey, given(comment=f"{number}"))
        assert outcome == Recorded(number, changed=True)
    kept = await versions(world)
    assert [version for version, _ in kept] == [1, *range(32, 51)]
    assert all(body.lead.text == str(version) for version, body in kept)
    assert [row["versions"] for row in await answers(world)] == [50]
    survey = await open_survey(mail.survey)
    assert survey is not None
    assert survey.answer is not None
    assert (survey.answer.version, survey.answer.comment) == (50, "50")


async def test_what_was_kept_of_such_answers_before_is_taken_away(
    database: TestDatabase, world: World, mail: Sent
) -> None:
    await submit(mail.survey, given(comment="1"))
    await change(
        world,
        "INSERT INTO answer_version SELECT account, invitation, n, body, answered_at"
        " FROM answer_version, generate_series(2, 1000) AS n",
    )
    owner = await asyncpg.connect(database.owner)
    try:
        await owner.execute(PRUNING)
    finally:
        await owner.close()
    assert [version for version, _ in await versions(world)] == [1, *range(982, 1001)]


async def test_ten_submits_at_once_are_one_answer(world: World, mail: Sent) -> None:
    answers = await asyncio.gather(*(submit(mail.survey, given(3)) for _ in range(10)))
    assert sorted(answer.changed for answer in answers if isinstance(answer, Recorded)) == [
        *[False] * 9,
        True,
    ]
    assert len(await rows(world, "SELECT FROM answer_version")) == 1


async def test_reasons_are_kept_with_a_negative_rating_only(world: World, mail: Sent) -> None:
    await submit(mail.survey, given(3, reasons=["late"]))
    assert [row["choices"] for row in await answers(world)] == [[]]


@pytest.mark.parametrize(
    ("submission", "fields"),
    [
        (given(0), ["rating"]),
        (given(6), ["rating"]),
        (given(None), ["rating"]),
        (given(1, reasons=["rude"]), ["reasons"]),
        (given(1, comment="a" * 4001), ["comment"]),
        (given(7, comment="a" * 4001), ["rating", "comment"]),
    ],
)
async def test_what_must_be_put_right_is_named(
    world: World, mail: Sent, submission: Submission, fields: list[str]
) -> None:
    assert await submit(mail.survey, submission) == Invalid(fields)
    assert await rows(world, "SELECT FROM answer") == []


async def test_a_comment_is_counted_as_browsers_count_it(mail: Sent) -> None:
    outcome = await submit(mail.survey, given(comment="a\r\n" * 1999 + "ab"))
    assert outcome == Recorded(1, changed=True)


async def test_the_wrong_person_may_say_so_without_a_rating(world: World, mail: Sent) -> None:
    assert await submit(mail.survey, given(None, not_me=True)) == Recorded(1, changed=True)
    [kept] = await answers(world)
    assert (kept["not_me"], kept["lead_value"], kept["sentiment"]) == (True, None, None)


async def test_what_stands_of_an_answer_is_what_its_last_version_says(
    world: World, mail: Sent
) -> None:
    for said in (
        given(1, reasons=["late"], comment="Tard", call_back=True, phone="418 555-0123"),
        given(1, phone="418 555-0123"),
        given(None, not_me=True),
        given(2, reasons=["dirty"], language="en"),
    ):
        await submit(mail.survey, said)
        [kept] = await answers(world)
        version, body = (await versions(world))[-1]
        assert version == kept["versions"]
        lead = Value(kind="stars", value=kept["value"], choices=kept["choices"], text=kept["text"])
        assert body == Body(
            values={"lead": lead},
            not_me=kept["not_me"],
            call_back=kept["call_back"],
            language=kept["language"],
            phone=kept["phone"] or "",
        )
        assert (kept["lead_kind"], kept["lead_value"]) == (lead.kind, lead.value)


async def test_an_answer_is_about_those_whose_visit_it_was_then(world: World) -> None:
    task = await world.task(account_manager=world.dispatcher, channel="phone")
    await world.push(await world.device(world.alice), world.item(task, "600"))
    campaign = await active(world)
    await plan_all()
    mail = await left(world, task, campaign)
    await change(
        world,
        "UPDATE task SET type = $2, unit = $3, technician = $4, account_manager = NULL,"
        " channel = 'web' WHERE id = $1",
        task,
        world.installation,
        world.other_site,
        world.bob,
    )
    for rating in (1, 5):
        await submit(mail.survey, given(rating))
        [kept] = await answers(world)
        assert (kept["type"], kept["unit"]) == (world.service_call, world.site)
        assert (kept["technician"], kept["account_manager"]) == (world.alice, world.dispatcher)
        assert kept["channel"] == "phone"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Montreal"])
async def test_an_answer_counts_on_the_day_of_its_last_version_in_the_accounts_zone(
    world: World, mail: Sent, zone: str
) -> None:
    """Two of these zones are never on the same day."""
    await change(world, "UPDATE account SET zone = $1", zone)
    for rating in (4, 5):
        await submit(mail.survey, given(rating))
        [kept] = await answers(world)
        assert kept["day"] == kept["answered_at"].astimezone(ZoneInfo(zone)).date()
        await change(world, "UPDATE answer SET day = '2020-02-02'")
    await submit(mail.survey, given(5))
    assert [row["day"] for row in await answers(world)] == [date(2020, 2, 2)]


async def test_an_expired_link_opens_and_keeps_nothing(world: World, mail: Sent) -> None:
    await submit(mail.survey, given(4))
    await change(world, "UPDATE invitation SET deadline = retour_now()")
    assert await open_survey(mail.survey) is None
    assert await submit(mail.survey, given(5)) == Closed()
    assert [row["value"] for row in await answers(world)] == [4]


async def test_a_survey_whose_sending_is_uncertain_can_be_answered(
    world: World, mail: Sent
) -> None:
    await change(world, "UPDATE invitation SET status = 'uncertain', deadline = NULL")
    assert await submit(mail.survey, given(5)) == Recorded(1, changed=True)


async def test_tokens_open_nothing_but_their_own(world: World, mail: Sent) -> None:
    wrong = [
        "",
        "nonsense",
        mail.survey[:-1],
        mail.unsubscribe,
        write(world.account, mint()),
        write(new_account_number(), mint()),
    ]
    for token in wrong:
        assert await open_survey(token) is None
        assert await submit(token, given()) == Closed()
    assert await open_subscription(mail.survey) is None
    assert await unsubscribe(mail.survey) is None
    assert await rows(world, "SELECT FROM contact") == []


async def test_unsubscribing_holds_for_the_address_and_again_is_no_change(
    world: World, mail: Sent
) -> None:
    before = Subscription(
        company="Plomberie Exemple",
        address=ADDRESS,
        language="fr_CA",
        ended=False,
        unreachable=False,
        left=False,
        quarterly=False,
        identity=SenderIdentity(
            "Plomberie Exemple inc.", "1, rue du Quai\nRimouski QC G5L 1A1", "418 555-0100"
        ),
    )
    after = replace(before, ended=True)
    assert await open_subscription(mail.unsubscribe) == before
    assert await unsubscribe(mail.unsubscribe) == after
    assert await unsubscribe(mail.unsubscribe) == after
    assert await open_subscription(mail.unsubscribe) == after
    contacts = await rows(world, "SELECT address, suppressed FROM contact")
    assert [tuple(row) for row in contacts] == [(ADDRESS, "unsubscribed")]
    events = await rows(world, "SELECT kind, invitation FROM mail_event")
    assert [tuple(row) for row in events] == [("unsubscribed", mail.invitation)]


async def test_unsubscribing_outweighs_a_bounce(world: World, mail: Sent) -> None:
    await unsubscribe(mail.unsubscribe)
    await change(world, "UPDATE contact SET suppressed = 'bounced'")
    await unsubscribe(mail.unsubscribe)
    contacts = await rows(world, "SELECT suppressed FROM contact")
    assert [row["suppressed"] for row in contacts] == ["unsubscribed"]


async def test_who_unsubscribed_comes_back_by_the_same_link(world: World, mail: Sent) -> None:
    before = await open_subscription(mail.unsubscribe)
    assert await resubscribe(mail.unsubscribe) == before  # of whom nothing was taken away
    await unsubscribe(mail.unsubscribe)
    for _ in range(2):
        assert await resubscribe(mail.unsubscribe) == before
    [contact] = await rows(world, "SELECT * FROM contact")
    assert (contact["suppressed"], contact["suppressed_at"]) == (None, None)
    events = await rows(world, "SELECT kind FROM mail_event ORDER BY happened_at, id")
    assert [row["kind"] for row in events] == ["unsubscribed", "resubscribed"]
    entries = await rows(
        world,
        "SELECT actor, action, object FROM audit WHERE object LIKE 'contact/%' ORDER BY at, id",
    )
    assert [tuple(row) for row in entries] == [
        ("customer", "subscription.end", f"contact/{contact['id']}"),
        ("customer", "subscription.start", f"contact/{contact['id']}"),
    ]
    assert await resubscribe(mail.survey) is None


@pytest.mark.parametrize("order", ["bounced before", "bounced after"])
async def test_who_comes_back_lifts_no_bounce(world: World, mail: Sent, order: str) -> None:
    async def bounce() -> None:
        async with tx(world.account) as opened:
            known = await contacts.lock(opened, [ADDRESS])
            contact = known.get(ADDRESS) or (await contacts.create(opened, [ADDRESS]))[ADDRESS]
            await contacts.suppress(opened, contact.id, "bounced")

    if order == "bounced before":
        await bounce()
    await unsubscribe(mail.unsubscribe)
    if order == "bounced after":
        await bounce()
    again = await resubscribe(mail.unsubscribe)
    assert again is not None
    assert (again.ended, again.unreachable) == (False, True)
    [contact] = await rows(world, "SELECT * FROM contact")
    assert (contact["suppressed"], contact["suppressed_before"]) == ("bounced", None)
    assert contact["suppressed_at"] is not None
