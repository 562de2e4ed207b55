"""C12: which questions of a bank a survey asks."""

from collections import Counter
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from rules.questions.draw import draw

KEYS = [f"q{number}" for number in range(7)]


def test_each_of_seven_is_drawn_as_often_as_any_other() -> None:
    """1,000 surveys of seed 20261201: 3 of 7, each within 5 points of 3/7."""
    rng = Random(20261201)
    drawn = Counter(
        key for _ in range(1000) for key in draw(UUID(int=rng.getrandbits(128)), KEYS, 3)
    )
    assert drawn.keys() == set(KEYS)
    assert all(abs(times / 1000 - 3 / 7) <= 0.05 for times in drawn.values()), drawn


@given(st.uuids(), st.lists(st.text(min_size=1), unique=True, max_size=9), st.integers(0, 10))
def test_as_many_as_wanted_in_their_order(invitation: UUID, keys: list[str], number: int) -> None:
    drawn = draw(invitation, keys, number)
    assert len(drawn) == (min(number, len(keys)) if number else len(keys))
    assert drawn == [key for key in keys if key in drawn]


@given(st.uuids(), st.permutations(KEYS))
def test_another_order_draws_the_same(invitation: UUID, keys: list[str]) -> None:
    assert set(draw(invitation, keys, 3)) == set(draw(invitation, KEYS, 3))


def test_what_is_added_takes_the_place_of_at_most_one() -> None:
    rng = Random(7)
    for _ in range(100):
        invitation = UUID(int=rng.getrandbits(128))
        before, after = set(draw(invitation, KEYS, 3)), set(draw(invitation, [*KEYS, "new"], 3))
        assert after - before <= {"new"}
