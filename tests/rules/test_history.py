"""A task's state is the last transition by order, whatever arrived when and clocks said."""

from datetime import datetime
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rules.history import Transition, current, first_entry, follows, ordered
from tests.rules.samples import (
    CLOSED,
    DONE,
    ON_SITE,
    TO_RECONTACT,
    at,
    clocks,
    entered,
    histories,
)


def test_a_task_that_was_never_moved_has_no_state() -> None:
    assert current([]) is None


def test_what_happened_last_wins_over_what_arrived_last() -> None:
    later, earlier = entered(CLOSED, 3), entered(DONE, 1)
    assert current([later, earlier]) == later


def test_2_at_one_moment_the_sequence_of_the_device_decides() -> None:
    second, first = entered(TO_RECONTACT, 1, 1, sequence=2), entered(DONE, 1, 2, sequence=1)
    assert ordered([second, first]) == [first, second]


def test_at_one_moment_and_sequence_the_id_decides() -> None:
    of_one, of_other = entered(DONE, 1, 1), entered(ON_SITE, 1, 2)
    assert ordered([of_other, of_one]) == [of_one, of_other]
    assert of_one.order == (of_one.moment, 0, UUID(int=1))


@given(histories(), st.randoms(use_true_random=False))
def test_the_state_is_the_last_by_order_in_any_order_of_arrival(
    history: list[Transition], chance: Random
) -> None:
    expected = ordered(history)[-1] if history else None
    shuffled = history.copy()
    chance.shuffle(shuffled)
    assert current(shuffled) == expected
    assert ordered(shuffled) == ordered(history)


PHONE, TABLET = UUID(int=501), UUID(int=502)


def step(sequence: int, hour: float, received: float = 0, device: UUID = PHONE) -> Transition:
    """A step of a device, which its sequence names; never later than its reception."""
    moment = min(hour, received)
    return entered(DONE, moment, sequence, sequence=sequence, received=at(received), device=device)


def counted(*steps: Transition) -> list[tuple[int, datetime]]:
    """Sequences in order, and when they count."""
    return [(one.sequence, one.moment) for one in ordered(steps)]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # One push; the clock was two hours ahead for the first and is right for the second.
        ([step(1, +2), step(2, -0.1)], [(1, 0), (2, 0)]),
        # The clock was set back between two steps that were pushed apart.
        ([step(1, -1, received=-1), step(2, -3)], [(1, -1), (2, -1)]),
        # A step is heard of after a later one: it happened before that one was received.
        ([step(1, -0.5, received=0), step(2, -3, received=-2)], [(1, -2), (2, -2)]),
        # Only what is out of sequence moves.
        ([step(1, -3), step(2, -2), step(3, -1)], [(1, -3), (2, -2), (3, -1)]),
        # Two devices have nothing to do with each other's sequence.
        ([step(1, -1), step(2, -2, device=TABLET)], [(2, -2), (1, -1)]),
        # Those of one sequence are equals: a count that stands still says nothing.
        ([step(1, -1), step(1, -2)], [(1, -2), (1, -1)]),
    ],
)
def test_2_the_steps_of_one_device_keep_its_sequence_whatever_its_clock_said(
    steps: list[Transition], expected: list[tuple[int, float]]
) -> None:
    assert counted(*steps) == [(sequence, at(hour)) for sequence, hour in expected]
    assert counted(*reversed(steps)) == counted(*steps)


def test_what_the_office_told_has_no_sequence() -> None:
    later, earlier = entered(DONE, -1, sequence=0), entered(CLOSED, -2, sequence=9)
    assert ordered([later, earlier]) == [earlier, later]


def test_what_the_office_told_stands_where_it_is_while_steps_of_a_device_move() -> None:
    told = entered(CLOSED, -1, 900)
    assert ordered([step(2, -3), told, step(1, -2)])[-1] == told


@given(clocks())
def test_steps_keep_their_sequence_and_none_counts_after_its_reception(
    history: list[Transition],
) -> None:
    in_order = ordered(history)
    assert {one.id for one in in_order} == {one.id for one in history}
    for device in {one.device for one in history}:
        of_one = [one for one in in_order if one.device == device]
        assert [one.sequence for one in of_one] == sorted(one.sequence for one in of_one)
    assert all(one.moment <= one.received for one in in_order)
    assert [one.moment for one in in_order] == sorted(one.moment for one in in_order)


@given(clocks())
def test_where_clocks_are_right_moments_stay(history: list[Transition]) -> None:
    by_moment = sorted(history, key=lambda one: one.moment)
    right = [
        replace(one, sequence=place, received=one.moment) for place, one in enumerate(by_moment)
    ]
    assert ordered(right) == right


@given(clocks(), st.integers(0, 11))
def test_what_follows_a_history_moves_none_of_it(steps: list[Transition], known: int) -> None:
    history = steps[:known]
    last = current(history)
    later = [one for one in steps[known:] if follows(last, [one])]
    assert follows(last, later)
    assert ordered([*history, *later]) == [*ordered(history), *ordered(later)]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (step(3, +1, received=+1), True),
        (step(3, 0, received=+1), True),
        (step(1, +1, received=+1), False),
        (step(3, -1, received=+1), False),
        (step(3, +1, received=+1, device=TABLET), False),
        (entered(CLOSED, +1), True),
        (entered(CLOSED, -1), False),
    ],
)
def test_a_step_follows_if_it_is_later_and_next_of_its_device(
    later: Transition, expected: bool
) -> None:
    assert follows(None, [later])
    assert follows(step(2, 0), [later]) is expected


FINISHED = {DONE, TO_RECONTACT, CLOSED}


def test_a_task_that_entered_none_of_the_states_has_no_first_entry() -> None:
    assert first_entry([], FINISHED) is None
    assert first_entry([entered(ON_SITE, 1)], FINISHED) is None


def test_the_first_entry_is_the_earliest_whatever_arrived_when() -> None:
    closed, done, on_site = entered(CLOSED, 3), entered(DONE, 2), entered(ON_SITE, 1)
    assert first_entry([closed, on_site, done], FINISHED) == done


def test_the_first_entry_counts_when_its_device_let_it() -> None:
    done = replace(step(2, 1, 4), state=DONE)
    earlier = replace(step(1, 2, 3), state=ON_SITE)
    assert first_entry([done, earlier], FINISHED) == replace(done, moment=earlier.moment)


@given(histories(), st.randoms(use_true_random=False))
def test_the_first_entry_is_the_same_in_any_order_of_arrival(
    history: list[Transition], chance: Random
) -> None:
    first = first_entry(history, FINISHED)
    shuffled = history.copy()
    chance.shuffle(shuffled)
    assert first_entry(shuffled, FINISHED) == first
    entries = [one for one in ordered(history) if one.state in FINISHED]
    assert first == (entries[0] if entries else None)
