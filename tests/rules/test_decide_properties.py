"""What holds of decisions on any history, in any order."""

from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from rules.campaign import Campaign, Rule, selected_since
from rules.decide import BY_MOMENT, BY_VERSION, FRESH, Reason, RoundSoFar, Schedule, Skip
from rules.history import Transition, ordered
from tests.rules.samples import (
    CLOSED,
    DONE,
    ON_SITE,
    SERVICE_CALL,
    TO_RECONTACT,
    at,
    campaigns,
    decide,
    entered,
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


@given(
    histories(),
    st.lists(
        st.tuples(
            campaigns(), st.frozensets(st.sampled_from([DONE, TO_RECONTACT, CLOSED, ON_SITE]))
        ),
        min_size=2,
        max_size=4,
    ),
)
def test_8_no_edit_makes_a_step_asked_that_was_not(
    history: list[Transition], said: list[tuple[Campaign, frozenset[str]]]
) -> None:
    """Each version decides, after the one before, as the task moves on between the edits."""
    first = said[0][0]
    rules = [(Rule(frozenset({SERVICE_CALL}), states),) for _, states in said]
    edits = [at(240 + hour) for hour in range(len(said))]
    since = selected_since(zip(edits, rules, strict=True))
    known: dict[UUID, Reason] = {}
    for place, (version, _) in enumerate(said):
        asked = structs.replace(
            version,
            rules=rules[place],
            selected_since=since[place],
            activated_at=first.activated_at,
            pauses=first.pauses,
        )
        past = RoundSoFar(
            None, {}, None, skipped={w: r for w, r in known.items() if r in BY_MOMENT | BY_VERSION}
        )
        new = [] if place == 0 else [entered(DONE, 240 + place)]
        history = history + new
        found = decide(history, asked, past)
        scheduled = {which for which, one in found.items() if isinstance(one, Schedule)}
        if place > 0:
            assert scheduled <= {one.id for one in new}
        if scheduled:
            return
        known |= {which: one.reason for which, one in found.items() if isinstance(one, Skip)}
