"""What holds of decisions on any history, in any order."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from rules.campaign import Campaign
from rules.decide import FRESH, Reason, RoundSoFar, Schedule, Skip
from rules.history import Transition, ordered
from tests.rules.samples import (
    SERVICE_CALL,
    campaigns,
    decide,
    histories,
)


@given(histories(), campaigns(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_decision(
    history: list[Transition], asked: Campaign, chance: Random
) -> None:
    shuffled = history * 2
    chance.shuffle(shuffled)
    assert decide(shuffled, asked) == decide(history, asked)


@st.composite
def pasts(draw: st.DrawFn, history: list[Transition]) -> RoundSoFar:
    """Anything release may have made of a round, sensible or not."""
    ids = [one.id for one in history]
    if not ids or draw(st.booleans()):
        return FRESH
    return RoundSoFar(
        standing=draw(st.none() | st.sampled_from(ids)),
        dropped=draw(st.dictionaries(st.sampled_from(ids), st.sampled_from(Reason), max_size=3)),
        rearm_transition=draw(st.none() | st.sampled_from(ids)),
    )


@given(st.data(), histories(), campaigns())
def test_6_every_matching_transition_has_one_decision_and_at_most_one_is_asked(
    data: st.DataObject, history: list[Transition], asked: Campaign
) -> None:
    past = data.draw(pasts(history))
    found = decide(history, asked, past)
    states = asked.states_for(SERVICE_CALL)
    assert set(found) == {one.id for one in history if one.state in states}
    assert sum(isinstance(one, Schedule) for one in found.values()) <= 1
    for which, reason in past.dropped.items():
        assert found.get(which, Skip(reason)) == Skip(reason)


@given(histories(), campaigns())
def test_7_only_the_first_by_order_is_ever_asked_in_a_fresh_round(
    history: list[Transition], asked: Campaign
) -> None:
    found = decide(history, asked)
    first = next((one.id for one in ordered(history) if one.id in found), None)
    scheduled = [which for which, one in found.items() if isinstance(one, Schedule)]
    assert scheduled in ([], [first])


@given(histories(), campaigns())
def test_nothing_is_released_before_it_is_due_or_received(
    history: list[Transition], asked: Campaign
) -> None:
    received = {one.id: one.received for one in history}
    for one in decide(history, asked).values():
        if isinstance(one, Schedule):
            assert one.release == max(one.due, received[one.transition])
