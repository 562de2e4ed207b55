"""What a campaign selects, and what keeps it from being saved."""

from datetime import timedelta
from typing import Any

import pytest

from rules.campaign import AddressField, Fault, Pause, Problem, Rule, validate
from tests.rules.samples import (
    DONE,
    INSTALLATION,
    NOON,
    ON_SITE,
    SERVICE_CALL,
    TO_RECONTACT,
    campaign,
    days,
    hours,
)

NOTHING: frozenset[Any] = frozenset()


def test_the_selected_states_of_a_task_type_are_the_union_over_its_rules() -> None:
    both = frozenset({SERVICE_CALL, INSTALLATION})
    asked = campaign(
        rules=(
            Rule(frozenset({SERVICE_CALL}), frozenset({DONE})),
            Rule(both, frozenset({TO_RECONTACT})),
        )
    )
    assert asked.states_for(SERVICE_CALL) == {DONE, TO_RECONTACT}
    assert asked.states_for(INSTALLATION) == {TO_RECONTACT}


def test_a_task_type_that_no_rule_names_has_no_selected_state() -> None:
    assert campaign().states_for(INSTALLATION) == frozenset()


def test_without_further_words_a_campaign_takes_answers_28_days_and_is_stale_after_7() -> None:
    assert (campaign().deadline, campaign().stale) == (days(28), days(7))


@pytest.mark.parametrize(
    ("hour", "inside"), [(-1, False), (0, True), (1, True), (2, False), (3, False)]
)
def test_a_pause_holds_its_start_and_not_its_end(hour: int, inside: bool) -> None:
    assert Pause(NOON, NOON + hours(2)).covers(NOON + hours(hour)) is inside


def test_a_pause_without_an_end_lasts() -> None:
    assert Pause(NOON, None).covers(NOON + days(1000))


def test_a_plain_campaign_has_no_problem() -> None:
    assert validate(campaign()) == []
    assert validate(campaign(mute=None, stale=None, secondary=AddressField.BILLING)) == []


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"rules": ()}, Fault.REQUIRED, "rules"),
        ({"rules": (Rule(NOTHING, frozenset({DONE})),)}, Fault.REQUIRED, "rules.0.task_types"),
        ({"rules": (Rule(frozenset({SERVICE_CALL}), NOTHING),)}, Fault.REQUIRED, "rules.0.states"),
        ({"delay": timedelta(minutes=-1)}, Fault.NEGATIVE, "delay"),
        ({"delay": days(100)}, Fault.TOO_LONG, "delay"),
        ({"delay": timedelta(seconds=90)}, Fault.NOT_WHOLE_MINUTES, "delay"),
        ({"mute": days(0)}, Fault.NOT_POSITIVE, "mute"),
        ({"deadline": days(-1)}, Fault.NOT_POSITIVE, "deadline"),
        ({"stale": days(0)}, Fault.NOT_POSITIVE, "stale"),
        ({"secondary": AddressField.CUSTOMER}, Fault.SAME_AS_PRIMARY, "secondary"),
    ],
)
def test_each_problem_is_named_with_its_field(
    wrong: dict[str, Any], code: Fault, field: str
) -> None:
    assert validate(campaign(**wrong)) == [Problem(code, field)]


def test_all_problems_are_told_at_once_and_by_place() -> None:
    sound = Rule(frozenset({SERVICE_CALL}), frozenset({ON_SITE}))
    found = validate(campaign(rules=(sound, Rule(NOTHING, NOTHING)), mute=days(-1)))
    assert [one.field for one in found] == ["rules.1.task_types", "rules.1.states", "mute"]
