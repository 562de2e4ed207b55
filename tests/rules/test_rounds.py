"""Point 11: transitions belong to rounds by their moment, whatever arrives when."""

from datetime import datetime
from itertools import pairwise
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.campaign import Campaign
from rules.decide import Reason, RoundSoFar, Schedule, Skip
from rules.history import Transition, by_rounds, ordered
from tests.rules.samples import (
    CANCELLED,
    DONE,
    ON_SITE,
    TO_RECONTACT,
    at,
    campaign,
    campaigns,
    clocks,
    decide,
    entered,
    histories,
    told,
)

TABLET = UUID(int=500)

CASES: list[tuple[str, list[Transition], list[float], list[list[int]]]] = [
    ("nothing happened, nothing was opened", [], [], [[]]),
    ("without a second round all is the first", [entered(DONE, 0, 1)], [], [[1]]),
    ("nothing happened since", [entered(DONE, 0, 1)], [1], [[1], []]),
    ("nothing happened before", [entered(DONE, 2, 1)], [1], [[], [1]]),
    ("what happens as it is opened is of the new one", [entered(DONE, 1, 1)], [1], [[], [1]]),
    (
        "three rounds, told from the last to the first",
        [entered(DONE, 5, 3), entered(ON_SITE, 3, 2), entered(DONE, 0, 1)],
        [1, 4],
        [[1], [2], [3]],
    ),
    (
        "one that is received after the opening is of the round it happened in",
        [entered(DONE, 0, 1, received=at(9)), entered(DONE, 2, 2)],
        [1],
        [[1], [2]],
    ),
    ("two rounds that were opened at once", [entered(DONE, 2, 1)], [1, 1], [[], [], [1]]),
    (
        "the effective moment counts: of one device a step follows the one before it",
        [
            entered(ON_SITE, 2, 1, sequence=1, device=TABLET, received=at(4)),
            entered(DONE, 0, 2, sequence=2, device=TABLET, received=at(4)),
        ],
        [1],
        [[], [1, 2]],
    ),
]


@pytest.mark.parametrize(
    ("history", "opened", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_11_transitions_belong_to_rounds_by_moment(
    history: list[Transition], opened: list[float], expected: list[list[int]]
) -> None:
    found = by_rounds(history, [at(hour) for hour in opened])
    assert [[step.id.int for step in part] for part in found] == expected


OPENED = st.lists(st.integers(-14 * 24, 24), max_size=4).map(
    lambda found: [at(hour) for hour in sorted(found)]
)


@given(histories() | clocks(), OPENED, st.randoms(use_true_random=False))
def test_11_permuted_and_late_arrivals_find_the_same_rounds(
    history: list[Transition], opened: list[datetime], chance: Random
) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)
    found = by_rounds(shuffled, opened)
    assert found == by_rounds(history, opened)
    assert [step for part in found for step in part] == ordered(history)
    bounds = [at(-999), *opened, at(999)]
    for (start, end), part in zip(pairwise(bounds), found, strict=True):
        assert all(start <= step.moment < end for step in part)
        assert ordered(part) == part


ASKED = campaign()
CLOSED_ROUND = RoundSoFar(None, {}, None, closed=True)


def test_11_in_a_round_that_was_closed_nobody_is_asked_any_more() -> None:
    history = [entered(DONE, 0, 1), entered(TO_RECONTACT, 1, 2)]
    assert told(decide(history, ASKED, CLOSED_ROUND), history) == ["new_round", "not_first"]


def test_an_earlier_reason_comes_before_the_new_round() -> None:
    history = [entered(DONE, 0, 1, received=at(8 * 24))]
    assert told(decide(history, ASKED, CLOSED_ROUND), history) == ["stale"]


def test_what_stands_stays_in_a_closed_round_and_so_does_what_was_dropped() -> None:
    history = [entered(DONE, 0, 1), entered(TO_RECONTACT, 1, 2)]
    stands = RoundSoFar(UUID(int=1), {}, None, closed=True)
    assert told(decide(history, ASKED, stands), history) == ["schedule", "not_first"]
    dropped = RoundSoFar(None, {UUID(int=1): Reason.MUTED}, None, closed=True)
    assert told(decide(history, ASKED, dropped), history) == ["muted", "not_first"]


def test_in_a_closed_round_nothing_is_armed_again() -> None:
    history = [entered(DONE, 0, 1), entered(CANCELLED, 1, 2), entered(DONE, 2, 3)]
    past = RoundSoFar(None, {UUID(int=1): Reason.TASK_CANCELLED}, UUID(int=2), closed=True)
    assert told(decide(history, ASKED, past), history) == ["task_cancelled", "new_round"]


@given(histories(), campaigns())
def test_closing_a_round_changes_the_one_that_would_be_asked_about_and_no_other(
    history: list[Transition], asked: Campaign
) -> None:
    open_, closed = decide(history, asked), decide(history, asked, CLOSED_ROUND)
    for which, decision in open_.items():
        expected = Skip(Reason.NEW_ROUND) if isinstance(decision, Schedule) else decision
        assert closed[which] == expected


@given(histories(), campaigns(), OPENED, st.randoms(use_true_random=False))
def test_11_each_round_decides_alike_however_its_steps_arrived(
    history: list[Transition], asked: Campaign, opened: list[datetime], chance: Random
) -> None:
    """At most one is asked about, and only in the last round: the others are closed."""
    shuffled = list(history)
    chance.shuffle(shuffled)
    results = []
    for arrived in (history, shuffled):
        parts = by_rounds(arrived, opened)
        decided = [
            decide(part, asked, RoundSoFar(None, {}, None, closed=number < len(parts)))
            for number, part in enumerate(parts, 1)
        ]
        asking = [
            number
            for number, found in enumerate(decided, 1)
            for one in found.values()
            if isinstance(one, Schedule)
        ]
        assert asking in ([], [len(parts)])
        results.append(decided)
    assert results[0] == results[1]


def test_a_round_has_its_own_first_step() -> None:
    history = [entered(DONE, 0, 1), entered(ON_SITE, 25, 2), entered(DONE, 26, 3)]
    first, second = by_rounds(history, [at(24)])
    found = decide(first, ASKED, RoundSoFar(UUID(int=1), {}, None, closed=True))
    assert told(found, first) == ["schedule"]
    [asked] = decide(second, ASKED).values()
    assert asked == Schedule(UUID(int=3), at(26), at(26), at(26))
