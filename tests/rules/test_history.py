"""A task's state is the last transition by moment, sequence and id, whatever arrived when."""

from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from rules.facts import Transition
from rules.history import current, ordered
from tests.rules.samples import CLOSED, DONE, ON_SITE, TO_RECONTACT, entered, histories


def test_a_task_that_was_never_moved_has_no_state() -> None:
    assert current([]) is None


def test_what_happened_last_wins_over_what_arrived_last() -> None:
    later, earlier = entered(CLOSED, 3), entered(DONE, 1)
    assert current([later, earlier]) == later


def test_at_one_moment_the_sequence_of_the_device_decides() -> None:
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
