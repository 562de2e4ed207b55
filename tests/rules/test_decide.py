"""What a campaign decides on a task's history, and why not."""

from datetime import UTC
from typing import Any
from uuid import UUID

import pytest

from rules.calendar import OFFICE_HOURS, Calendar, Span
from rules.campaign import Campaign, Pause, Period, Rule
from rules.criteria import Criteria, Facts
from rules.decide import BY_MOMENT, BY_VERSION, FRESH, Reason, RoundSoFar, Schedule
from rules.history import Transition
from tests.rules.samples import (
    CLOSED,
    DONE,
    INSTALLATION,
    ON_SITE,
    SERVICE_CALL,
    TO_RECONTACT,
    at,
    campaign,
    days,
    decide,
    entered,
    hours,
    told,
)

ASKED = campaign()
OBEYING = campaign(opt_out_allowed=True)
PAUSED = campaign(pauses=(Pause(at(0), at(4)),))
NEW = campaign(activated_at=at(0))
DRAFT = campaign(activated_at=None)
ANY_AGE = campaign(stale=None)
URGENT = campaign(criteria=Criteria(priorities=frozenset({"urgent"})))
OUT = campaign(id=UUID(int=1), sample_percent=1)
"""Of a sample that does not have the task."""
LIMITED = campaign(period=Period(at(0), at(24)))
HIGH, LOW = Facts(priority="urgent"), Facts(priority="low")


def late(state: str, hour: float, by: float, **rest: Any) -> Transition:
    """A transition received `by` hours after it happened."""
    return entered(state, hour, received=at(hour + by), **rest)


CASES: list[tuple[str, Campaign, list[Transition], list[str]]] = [
    ("nothing happened", ASKED, [], []),
    ("no selected state was entered", ASKED, [entered(ON_SITE, 0), entered(CLOSED, 1)], []),
    ("600 asks", ASKED, [entered(ON_SITE, 0), entered(DONE, 1)], ["schedule"]),
    (
        "6: 600 then 610 asks once",
        ASKED,
        [entered(DONE, 0), entered(TO_RECONTACT, 1)],
        ["schedule", "not_first"],
    ),
    (
        "610 then 600 asks once",
        ASKED,
        [entered(TO_RECONTACT, 0), entered(DONE, 1)],
        ["schedule", "not_first"],
    ),
    (
        "back on site and done again asks once",
        ASKED,
        [entered(DONE, 0), entered(ON_SITE, 1), entered(DONE, 2)],
        ["schedule", "not_first"],
    ),
    (
        "600 entered twice in a row asks once",
        ASKED,
        [entered(DONE, 0), entered(DONE, 1)],
        ["schedule", "not_first"],
    ),
    (
        "7: the earlier asks even if it arrives last",
        ASKED,
        [entered(TO_RECONTACT, 1), late(DONE, 0, by=9)],
        ["not_first", "schedule"],
    ),
    (
        "at one moment the lower sequence asks",
        ASKED,
        [entered(DONE, 0, 1, sequence=2), entered(TO_RECONTACT, 0, 2, sequence=1)],
        ["not_first", "schedule"],
    ),
    ("14: in a pause is never back-filled", PAUSED, [entered(DONE, 0)], ["paused"]),
    ("the end of a pause is outside", PAUSED, [entered(DONE, 4)], ["schedule"]),
    (
        "a first one in a pause uses the round up",
        PAUSED,
        [entered(DONE, 1), entered(TO_RECONTACT, 5)],
        ["paused", "not_first"],
    ),
    (
        "a second one in a pause is paused before it is not first",
        PAUSED,
        [entered(DONE, -1), entered(TO_RECONTACT, 1)],
        ["schedule", "paused"],
    ),
    (
        "8: 600 on Monday, active on Tuesday, 610 on Wednesday",
        NEW,
        [entered(DONE, -24), entered(TO_RECONTACT, 24)],
        ["before_activation", "not_first"],
    ),
    ("the moment of activation counts", NEW, [entered(DONE, 0)], ["schedule"]),
    ("never activated", DRAFT, [entered(DONE, 0)], ["before_activation"]),
    (
        "8: a silent import is history and never sends",
        ASKED,
        [entered(DONE, 0, silent=True), entered(TO_RECONTACT, 1)],
        ["before_activation", "not_first"],
    ),
    ("exactly seven days late", ASKED, [late(DONE, 0, by=7 * 24)], ["schedule"]),
    (
        "9: older than seven days at reception uses the round up",
        ASKED,
        [late(DONE, 0, by=7 * 24 + 1), entered(TO_RECONTACT, 200)],
        ["stale", "not_first"],
    ),
    ("stale switched off", ANY_AGE, [late(DONE, 0, by=1000)], ["schedule"]),
    (
        "unticked uses the round up",
        OBEYING,
        [entered(DONE, 0, survey=False), entered(TO_RECONTACT, 1)],
        ["opted_out_by_agent", "not_first"],
    ),
    ("unticked where it is not allowed", ASKED, [entered(DONE, 0, survey=False)], ["schedule"]),
    (
        "unticked on a later one is not first",
        OBEYING,
        [entered(DONE, 0), entered(TO_RECONTACT, 1, survey=False)],
        ["schedule", "not_first"],
    ),
    ("its facts meet the criteria", URGENT, [entered(DONE, 0, facts=HIGH)], ["schedule"]),
    (
        "21: criteria use the round up, whatever the task has become",
        URGENT,
        [entered(DONE, 0, facts=LOW), entered(TO_RECONTACT, 1, facts=HIGH)],
        ["criteria", "not_first"],
    ),
    (
        "21: criteria are judged on what was frozen at the first one alone",
        URGENT,
        [entered(DONE, 0, facts=HIGH), entered(TO_RECONTACT, 1, facts=LOW)],
        ["schedule", "not_first"],
    ),
    (
        "21: an earlier one that arrives late is judged by its own facts",
        URGENT,
        [entered(TO_RECONTACT, 1, facts=HIGH), late(DONE, 0, by=9, facts=LOW)],
        ["not_first", "criteria"],
    ),
    (
        "12: a round outside the sample is used up",
        OUT,
        [entered(DONE, 0), entered(TO_RECONTACT, 1)],
        ["sampled_out", "not_first"],
    ),
    (
        "the first moment of the period asks, the last one's end does not",
        LIMITED,
        [entered(DONE, 0)],
        ["schedule"],
    ),
    (
        "before the period is before activation",
        LIMITED,
        [entered(DONE, -1), entered(TO_RECONTACT, 1)],
        ["before_activation", "not_first"],
    ),
    ("after the period", LIMITED, [entered(DONE, 24)], ["after_period"]),
    (
        "a second one after the period is after it before it is not first",
        LIMITED,
        [entered(DONE, 1), entered(TO_RECONTACT, 25)],
        ["schedule", "after_period"],
    ),
    (
        "a period does not make a campaign active before its activation",
        campaign(period=Period(at(-999), at(999)), activated_at=at(0)),
        [entered(DONE, -1)],
        ["before_activation"],
    ),
    (
        "unticked on a state that is not selected changes nothing",
        OBEYING,
        [entered(ON_SITE, 0, survey=False), entered(DONE, 1)],
        ["schedule"],
    ),
]


@pytest.mark.parametrize(
    ("asked", "history", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_decisions(asked: Campaign, history: list[Transition], expected: list[str]) -> None:
    assert told(decide(history, asked), history) == expected


def test_22_when_several_reasons_hold_the_first_in_the_given_order_is_told() -> None:
    """`after_period` stands behind `before_activation`, as both say when a campaign runs."""
    first = entered(DONE, -300, 1)
    wrong = entered(TO_RECONTACT, 1, 2, survey=False, received=at(500), facts=LOW)
    causes: list[tuple[str, dict[str, Any]]] = [
        ("paused", {"pauses": (Pause(at(0), None),)}),
        ("before_activation", {"activated_at": at(2)}),
        ("after_period", {"period": Period(at(-999), at(0))}),
        ("stale", {"stale": days(7)}),
        ("criteria", {"criteria": URGENT.criteria}),
        ("sampled_out", {"sample_percent": 1}),
        ("opted_out_by_agent", {"opt_out_allowed": True}),
    ]
    for place, (reason, _) in enumerate(causes):
        said: dict[str, Any] = {"id": OUT.id, "stale": None}
        for _, cause in causes[place:]:
            said |= cause
        asked = campaign(**said)
        assert told(decide([wrong], asked), [wrong]) == [reason]
        second = reason if place < 4 else "not_first"
        assert told(decide([first, wrong], asked), [wrong]) == [second]
    assert list(Reason)[:8] == [
        "paused",
        "before_activation",
        "after_period",
        "stale",
        "not_first",
        "criteria",
        "sampled_out",
        "opted_out_by_agent",
    ]


def test_another_task_type_has_no_decision() -> None:
    assert decide([entered(DONE, 0, type=INSTALLATION)], ASKED) == {}


def test_each_step_is_judged_by_the_type_that_the_task_had() -> None:
    before, call, after = (
        entered(DONE, hour, type=task_type)
        for hour, task_type in enumerate((INSTALLATION, SERVICE_CALL, INSTALLATION))
    )
    found = decide([after, call, before], ASKED)
    assert (list(found), told(found, [call])) == ([call.id], ["schedule"])


def test_a_schedule_says_when_it_is_due_and_when_it_may_go() -> None:
    offline = late(DONE, 0, by=20)
    found = decide([offline], campaign(delay=hours(12)))
    assert found == {offline.id: Schedule(offline.id, at(12), at(20), at(20))}
    longer = decide([offline], campaign(delay=days(2)))
    assert longer == {offline.id: Schedule(offline.id, at(48), at(48), at(48))}


def test_w7_a_delay_in_working_hours_and_13_a_release_in_open_ones() -> None:
    """From Monday noon, UTC: eight hours of work, and mail that goes in the afternoon."""
    afternoons = ((Span(14 * 60, 18 * 60),),) * 7
    place = Calendar(UTC, afternoons, OFFICE_HOURS)
    step = entered(DONE, 0)
    found = decide([step], campaign(delay=hours(8), in_working_hours=True), FRESH, place)
    assert found == {step.id: Schedule(step.id, at(24), at(24), at(26))}
    found = decide([step], campaign(delay=hours(8)), FRESH, place)
    assert found == {step.id: Schedule(step.id, at(8), at(8), at(26))}


def test_7_once_claimed_an_earlier_one_that_arrives_late_changes_nothing() -> None:
    claimed, earlier = entered(TO_RECONTACT, 1), late(DONE, 0, by=9)
    history = [claimed, earlier]
    assert told(decide(history, ASKED), history) == ["not_first", "schedule"]
    standing = RoundSoFar(claimed.id, {}, None)
    found = decide(history, ASKED, standing)
    assert told(found, history) == ["schedule", "not_first"]


def test_what_stands_is_not_judged_anew() -> None:
    claimed = entered(DONE, 1, survey=False)
    asked = campaign(opt_out_allowed=True, pauses=(Pause(at(0), None),), activated_at=None)
    found = decide([claimed], asked, RoundSoFar(claimed.id, {}, None))
    assert told(found, [claimed]) == ["schedule"]


def test_dropped_for_a_reason_that_does_not_rearm_the_round_is_used_up() -> None:
    muted = entered(DONE, 0)
    history = [muted, late(DONE, -1, by=9), entered(TO_RECONTACT, 1)]
    for standing in (muted.id, None):
        past = RoundSoFar(standing, {muted.id: Reason.MUTED}, None)
        found = decide(history, ASKED, past)
        assert told(found, history) == ["muted", "not_first", "not_first"]


@pytest.mark.parametrize("reason", sorted(BY_VERSION | BY_MOMENT))
def test_8_what_was_skipped_by_an_earlier_version_is_not_asked_about_afterwards(
    reason: Reason,
) -> None:
    """As after a larger sample, wider criteria or a longer period: nothing is back-filled."""
    first, later = entered(DONE, 0), entered(TO_RECONTACT, 1)
    past = RoundSoFar(None, {}, None, skipped={first.id: reason})
    assert told(decide([first, later], ASKED, past), [first, later]) == [reason, "not_first"]
    only_later = campaign(rules=(Rule(frozenset({SERVICE_CALL}), frozenset({TO_RECONTACT})),))
    found = decide([first, later], only_later, past)
    assert told(found, [first, later]) == [reason, "not_first"]
    earlier = late(DONE, -1, by=9)
    found = decide([earlier, first], ASKED, past)
    second = reason if reason in BY_MOMENT else "not_first"
    assert told(found, [earlier, first]) == ["schedule", second]


def test_8_a_state_that_is_selected_later_asks_from_then_on() -> None:
    """A step before that is none of the campaign's: neither asked about nor the first."""
    wider = campaign(selected_since={(SERVICE_CALL, DONE): at(1)})
    before, after = entered(DONE, 0), entered(DONE, 1)
    assert told(decide([before], wider), [before]) == []
    assert told(decide([before, after], wider), [before, after]) == ["schedule"]


def test_21_what_waits_met_the_criteria() -> None:
    """Whatever the tree of units has become; another step is judged by it."""
    first, earlier = entered(DONE, 0, facts=LOW), entered(DONE, -1, facts=LOW)
    waits = RoundSoFar(None, {}, None, admitted=first.id)
    assert told(decide([first], URGENT, waits), [first]) == ["schedule"]
    assert told(decide([earlier, first], URGENT, waits), [earlier, first]) == [
        "criteria",
        "not_first",
    ]


LEFT, BACK = entered(DONE, 0), entered(ON_SITE, 1)
DROPPED = RoundSoFar(None, {LEFT.id: Reason.LEFT_STATE}, BACK.id)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ([], []),
        ([entered(TO_RECONTACT, 2)], ["schedule"]),
        ([entered(TO_RECONTACT, 2), entered(DONE, 3)], ["schedule", "not_first"]),
        ([entered(TO_RECONTACT, 0.5, 9)], ["not_first"]),
        ([entered(DONE, 0.5, 9), entered(TO_RECONTACT, 2)], ["not_first", "schedule"]),
        ([entered(DONE, -1), entered(TO_RECONTACT, 2)], ["not_first", "schedule"]),
        ([entered(DONE, -999), entered(DONE, 2)], ["before_activation", "schedule"]),
        ([late(DONE, 2, by=999), entered(DONE, 3)], ["stale", "not_first"]),
    ],
    ids=[
        "nothing since",
        "it came back",
        "it came back twice",
        "an earlier one arrived late",
        "an earlier one arrived late and it came back",
        "one before the first arrived late and it came back",
        "one before activation arrived late and it came back",
        "it came back with a reason that uses the round up",
    ],
)
def test_10_a_task_that_left_its_state_is_asked_again_only_once_it_comes_back(
    since: list[Transition], expected: list[str]
) -> None:
    history = [LEFT, BACK, *since]
    found = decide(history, ASKED, DROPPED)
    assert told(found, history) == ["left_state", *expected]


def test_10_the_last_transition_at_a_drop_is_not_coming_back() -> None:
    last = entered(TO_RECONTACT, 1)
    past = RoundSoFar(None, {LEFT.id: Reason.LEFT_STATE}, last.id)
    assert told(decide([LEFT, last], ASKED, past), [last]) == ["not_first"]


def test_coming_back_starts_a_new_delay() -> None:
    again = entered(DONE, 5)
    found = decide([LEFT, BACK, again], campaign(delay=hours(2)), DROPPED)
    assert found[again.id] == Schedule(again.id, at(7), at(7), at(7))


def test_once_sent_after_coming_back_nothing_more_is_asked() -> None:
    again, more = entered(DONE, 5), entered(TO_RECONTACT, 6)
    past = RoundSoFar(again.id, DROPPED.dropped, DROPPED.rearm_transition)
    history = [LEFT, BACK, again, more]
    found = decide(history, ASKED, past)
    assert told(found, history) == ["left_state", "schedule", "not_first"]


def test_hundreds_of_transitions_are_decided_at_once() -> None:
    history = [entered(DONE, number, number) for number in range(500)]
    found = decide(history, ASKED)
    assert told(found, history) == ["schedule"] + ["not_first"] * 499
    assert isinstance(found[UUID(int=0)], Schedule)
