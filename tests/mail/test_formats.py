"""Versions of campaigns are read in whatever format they were written."""

import json
from datetime import date
from typing import Any, Final
from uuid import UUID

import pytest
from msgspec.structs import asdict, astuple, replace

from mail.campaigns.cache import load, pinned
from mail.campaigns.criteria import CriteriaNamed
from mail.campaigns.definition import Content, Definition, Trigger
from mail.campaigns.formats import (
    FORMAT,
    LaterFormatError,
    decode_content,
    decode_rules,
    join,
    split,
)
from mail.campaigns.look import Gradient
from mail.campaigns.questions import FromBank, FurtherQuestion, Lead, Question, ReasonChoice
from mail.campaigns.store import edit_campaign, get_campaign
from mail.campaigns.texts import Message, Page
from rules.campaign import AddressField
from sync.database import tx
from tests.mail.campaigns import active, definition, rows
from tests.mail.old_formats import content_1, rules_2, rules_3, written_in_1
from tests.support.databases import TestDatabase
from tests.support.world import World

#: Everything that a campaign can say, and nothing that goes without saying.
ALL: Final = Definition(
    rules=[Trigger([UUID(int=7)], ["600"])],
    delay="00:12:00",
    delay_in="working",
    mute="07:00:00",
    mute_per="customer",
    priority=7,
    primary=AddressField.LOCATION,
    secondary=AddressField.CUSTOMER,
    deadline_days=14,
    stale_days=None,
    opt_out_allowed=True,
    criteria=CriteriaNamed(
        units=[UUID(int=8)],
        priorities=["haute"],
        reasons=["Panne"],
        channels=["phone"],
        account_managers=[UUID(int=9)],
        tags=["chien"],
        customer_tags=["école"],
    ),
    sample_percent=25,
    first_day=date(2026, 9, 1),
    last_day=date(2026, 9, 30),
    reminders=2,
    reminder_days=3,
    question=Question(
        {"fr": "Alors ?"}, {"fr": "Mal"}, {"fr": "Bien"}, "effort", Gradient(["#cc0000"])
    ),
    negative_at=4,
    positive_at=6,
    reasons=[ReasonChoice("late", {"fr": "Retard"})],
    comment_required_at=1,
    further=[FurtherQuestion(key="why", kind="text", text={"fr": "Pourquoi ?"})],
    from_bank=FromBank(categories=["visit"], dropped=[UUID(int=10)], number=3),
    measure_nps=True,
    message=Message(
        "Plomberie", {"fr": "a"}, {"fr": "b"}, {"fr": "c"}, "a@b.example", "c@d.example"
    ),
    information={"fr": "Gardé deux ans."},
    privacy_url="https://example.org",
    page=Page({"fr": "Bonjour"}, {"negative": {"fr": "Merci"}}, "https://example.org/avis", True),
)
#: What formats before 5 could say of the questions.
BEFORE_5: Final[dict[str, Any]] = {
    "question": Question({"fr": "Alors ?"}, {"fr": "Mal"}, {"fr": "Bien"}),
    "negative_at": 3,
    "positive_at": None,
    "comment_required_at": None,
    "further": [],
    "from_bank": None,
    "measure_nps": False,
    "page": Page(),
}
OLD: Final = replace(ALL, **BEFORE_5)
#: What goes without saying of what format 4 added.
SINCE_4: Final[dict[str, Any]] = {
    "mute_per": "address",
    "priority": 5,
    "reminders": 0,
    "reminder_days": 7,
}
LEAST: Final = Definition(rules=[], question=Question({"fr": "Alors ?"}), message=ALL.message)


def test_everything_that_is_said_survives_storage() -> None:
    usual = asdict(LEAST)
    same = {name for name, value in asdict(ALL).items() if value == usual[name]}
    assert same == {"message"}
    for said in (ALL, LEAST):
        assert join(*astuple(split(said))) == said


def test_what_format_1_said_is_what_it_says() -> None:
    said = join(rules_2(OLD), content_1(OLD), 1)
    assert said == join(rules_2(OLD), split(OLD).content, 2)
    assert join(rules_2(LEAST), content_1(LEAST, least=True), 1) == LEAST


def test_what_format_2_said_asks_about_any_task_for_ever_and_counts_all_time() -> None:
    anything = {"criteria": CriteriaNamed(), "sample_percent": 100}
    always = {"first_day": None, "last_day": None}
    for said in (OLD, LEAST):
        stored = split(said)
        told = replace(said, **anything, **always, delay_in="elapsed", **SINCE_4)
        assert join(rules_2(said), stored.content, 2) == told


def test_what_format_3_said_mutes_addresses_reminds_nobody_and_is_like_any_other() -> None:
    for said in (OLD, LEAST):
        assert join(rules_3(said), split(said).content, 3) == replace(said, **SINCE_4)


@pytest.mark.parametrize("negative_at", range(5))
def test_in_format_1_four_stars_were_positive_unless_they_were_negative(negative_at: int) -> None:
    said = replace(OLD, negative_at=negative_at)
    lead = decode_content(content_1(said), 1).lead
    assert lead == Lead(**asdict(OLD.question), negative_at=negative_at, reasons=OLD.reasons)
    assert [lead.sentiment(value) for value in range(1, 6)] == [
        "negative" if value <= negative_at else "positive" if value > 3 else "neutral"
        for value in range(1, 6)
    ]


def test_what_a_later_version_wrote_is_not_misread() -> None:
    stored = split(OLD)
    for read, text in ((decode_rules, stored.rules), (decode_content, stored.content)):
        with pytest.raises(LaterFormatError):
            read(text, FORMAT + 1)


@pytest.mark.anyio
async def test_a_campaign_in_an_old_format_is_read_and_saved_in_todays(
    world: World, database: TestDatabase
) -> None:
    campaign = await active(world, negative_at=3)
    said = definition(world, negative_at=3)
    await written_in_1(database, campaign, said)
    async with tx(world.account) as opened:
        assert (await get_campaign(opened, campaign)).definition == said
        assert campaign in (await load(opened)).campaigns
        [read] = (await pinned(opened, [(campaign, 1)])).values()
        assert read.content == said.content
        assert await edit_campaign(opened, campaign, "A", said) == 1
        assert await edit_campaign(opened, campaign, "A", definition(world)) == 2
    found = await rows(world, "SELECT format, content FROM campaign_version ORDER BY version")
    assert [row["format"] for row in found] == [1, FORMAT]
    old, new = (json.loads(row["content"]) for row in found)
    assert old.keys() >= {"question", "negative_at", "reasons"}
    assert new.keys() == set(Content.__struct_fields__)
