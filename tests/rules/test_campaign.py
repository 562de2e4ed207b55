"""What a campaign selects, how it is found by that, and what keeps it from being saved."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.campaign import (
    PERMANENT,
    AddressField,
    Campaign,
    CampaignIndex,
    Fault,
    Pause,
    Period,
    Problem,
    Rule,
    Status,
    period_of_days,
    selected_since,
    validate,
)
from tests.rules.samples import (
    CLOSED,
    DONE,
    INSTALLATION,
    NOON,
    ON_SITE,
    SERVICE_CALL,
    TO_RECONTACT,
    at,
    campaign,
    days,
    hours,
)

NOTHING: frozenset[Any] = frozenset()
TYPES = [SERVICE_CALL, INSTALLATION]
STATES = [DONE, TO_RECONTACT, CLOSED]
RULE = st.builds(
    Rule, st.frozensets(st.sampled_from(TYPES)), st.frozensets(st.sampled_from(STATES))
)
ANY = st.builds(
    lambda rules, status: campaign(rules=tuple(rules), status=status),
    st.lists(RULE, max_size=3),
    st.sampled_from(Status),
)


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


def test_a_campaign_is_found_by_its_task_type_and_by_each_of_its_states() -> None:
    asked = campaign()
    index = CampaignIndex([asked])
    assert index.matching(SERVICE_CALL) == (asked,)
    assert index.for_transition(SERVICE_CALL, DONE) == (asked,)
    assert index.for_transition(SERVICE_CALL, TO_RECONTACT) == (asked,)


def test_other_task_types_and_states_find_nothing() -> None:
    index = CampaignIndex([campaign()])
    assert index.matching(INSTALLATION) == ()
    assert index.for_transition(SERVICE_CALL, ON_SITE) == ()
    assert index.for_transition(INSTALLATION, DONE) == ()


def test_a_campaign_whose_rules_overlap_is_found_once() -> None:
    twice = campaign(rules=campaign().rules * 2)
    index = CampaignIndex([twice])
    assert index.matching(SERVICE_CALL) == (twice,)
    assert index.for_transition(SERVICE_CALL, DONE) == (twice,)


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (Status.DRAFT, False),
        (Status.ACTIVE, True),
        (Status.PAUSED, True),
        (Status.ARCHIVED, False),
    ],
)
def test_only_live_campaigns_are_found(status: Status, found: bool) -> None:
    index = CampaignIndex([campaign(status=status)])
    assert bool(index.matching(SERVICE_CALL)) is found
    assert bool(index.for_transition(SERVICE_CALL, DONE)) is found


def test_a_campaign_is_found_among_ten_thousand_others() -> None:
    elsewhere = (Rule(frozenset({INSTALLATION}), frozenset({DONE})),)
    many = [campaign(id=UUID(int=n), rules=elsewhere) for n in range(10_000)]
    assert CampaignIndex([*many, campaign()]).for_transition(SERVICE_CALL, DONE) == (campaign(),)


@given(st.lists(ANY, max_size=4), st.sampled_from(TYPES), st.sampled_from(STATES))
def test_the_index_finds_what_asking_every_campaign_would(
    campaigns: list[Campaign], task_type: UUID, state: str
) -> None:
    live = [one for one in campaigns if one.status in {Status.ACTIVE, Status.PAUSED}]
    named = [one for one in live if any(task_type in rule.task_types for rule in one.rules)]
    index = CampaignIndex(campaigns)
    assert list(index.matching(task_type)) == named
    expected = [one for one in named if state in one.states_for(task_type)]
    assert list(index.for_transition(task_type, state)) == expected


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
        ({"delay": days(11), "in_working_hours": True}, Fault.TOO_LONG, "delay"),
        ({"delay": timedelta(seconds=90)}, Fault.NOT_WHOLE_MINUTES, "delay"),
        ({"mute": days(0)}, Fault.NOT_POSITIVE, "mute"),
        ({"deadline": days(-1)}, Fault.NOT_POSITIVE, "deadline"),
        ({"stale": days(0)}, Fault.NOT_POSITIVE, "stale"),
        ({"secondary": AddressField.CUSTOMER}, Fault.SAME_AS_PRIMARY, "secondary"),
        ({"reminders": 1, "deadline": days(7)}, Fault.PAST_DEADLINE, "reminder_days"),
        ({"reminders": 3, "reminder_days": 10}, Fault.PAST_DEADLINE, "reminder_days"),
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


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("zone", "first", "last", "period"),
    [
        ("UTC", None, None, PERMANENT),
        (
            "America/Montreal",
            date(2026, 3, 8),
            date(2026, 3, 8),
            Period(utc(2026, 3, 8, 5), utc(2026, 3, 9, 4)),
        ),
        ("Europe/Paris", date(2026, 1, 1), None, Period(start=utc(2025, 12, 31, 23))),
        ("Europe/Paris", None, date(2025, 12, 31), Period(end=utc(2025, 12, 31, 23))),
        # A day that begins at 1:00, because the clock is put forward at midnight.
        ("Africa/Cairo", date(2026, 4, 24), None, Period(start=utc(2026, 4, 23, 22))),
        # A day that has midnight twice begins at the first.
        ("America/Havana", date(2026, 11, 1), None, Period(start=utc(2026, 11, 1, 4))),
        ("Pacific/Kiritimati", date.min, date.max, PERMANENT),
        ("Pacific/Pago_Pago", date(2, 1, 1), date(9998, 12, 31), PERMANENT),
    ],
)
def test_a_period_is_of_whole_civil_days(
    zone: str, first: date | None, last: date | None, period: Period
) -> None:
    assert period_of_days(first, last, ZoneInfo(zone)) == period


@given(st.dates(), st.dates(), st.sampled_from(["America/Montreal", "Pacific/Apia", "UTC"]))
def test_any_days_make_a_period(first: date, last: date, zone: str) -> None:
    period = period_of_days(first, last, ZoneInfo(zone))
    assert PERMANENT.start <= period.start <= PERMANENT.end
    assert PERMANENT.start <= period.end <= PERMANENT.end


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    moment = utc(2026, 3, 8)
    for period in (Period(moment, moment), Period(moment, moment - timedelta(days=1))):
        assert validate(campaign(period=period)) == [Problem(Fault.ENDS_BEFORE_START, "last_day")]


def test_8_each_version_selects_since_the_last_one_that_did_not() -> None:
    done, both, none = ({DONE}, {DONE, TO_RECONTACT}, set[str]())
    versions = [
        (at(hour), [Rule(frozenset({SERVICE_CALL}), frozenset(states))])
        for hour, states in enumerate((done, both, both, done, both, none, done))
    ]
    added, back = {(SERVICE_CALL, TO_RECONTACT): at(1)}, {(SERVICE_CALL, TO_RECONTACT): at(4)}
    expected = [{}, added, added, {}, back, {}, {(SERVICE_CALL, DONE): at(6)}]
    assert selected_since(versions) == expected
