"""Arrivals and releases in any order never ask a task twice in one round (hazards 20 to 22).

The simulator keeps what the database keeps and acts as the mail package does, with `rules`
deciding. Outcomes of sending are drawn.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from rules.at_release import drop_reason_for_state
from rules.campaign import Campaign
from rules.decide import REARMING, Decision, Reason, RoundSoFar, Schedule, Skip
from rules.history import StateKind, Transition, current
from tests.rules.samples import (
    CANCELLED,
    CLOSED,
    DONE,
    ON_SITE,
    SERVICE_CALL,
    TO_RECONTACT,
    at,
    campaign,
    campaigns,
    days,
    decide,
    entered,
    histories,
    hours,
)

KINDS = {
    ON_SITE: StateKind.ACTIVE,
    DONE: StateKind.DONE,
    TO_RECONTACT: StateKind.DONE,
    CLOSED: StateKind.CLOSED,
    CANCELLED: StateKind.CANCELLED,
}


@dataclass
class Simulated:
    """One campaign on one task in one round."""

    asked: Campaign
    arrived: list[Transition] = field(default_factory=list)
    standing: UUID | None = None
    dropped: dict[UUID, Reason] = field(default_factory=dict)
    rearm_transition: UUID | None = None
    sent: list[UUID] = field(default_factory=list)

    def decided(self) -> dict[UUID, Decision]:
        past = RoundSoFar(self.standing, self.dropped, self.rearm_transition)
        return decide(self.arrived, self.asked, past)

    def scheduled(self) -> Schedule | None:
        found = [one for one in self.decided().values() if isinstance(one, Schedule)]
        assert len(found) <= 1
        return found[0] if found else None

    def release(self, now: datetime, outcome: Reason | None) -> None:
        """Take up what is due; `outcome` is why the address refuses it, None if it is sent."""
        due, last = self.scheduled(), current(self.arrived)
        if due is None or last is None or due.release > now:
            return
        if due.transition == self.standing:
            return
        assert now >= due.due
        left = drop_reason_for_state(
            last.state, KINDS[last.state], self.asked.states_for(SERVICE_CALL)
        )
        if left is not None:
            assert left.reason in REARMING
            self.dropped[due.transition] = left.reason
            self.rearm_transition = last.id
            return
        self.standing = due.transition
        if outcome is None:
            self.sent.append(due.transition)
        else:
            self.dropped[due.transition] = outcome


OUTCOMES = st.none() | st.sampled_from([Reason.NO_ADDRESS, Reason.SUPPRESSED, Reason.MUTED])


@given(st.data(), histories(), campaigns())
def test_no_interleaving_of_arrivals_and_releases_asks_twice(
    data: st.DataObject, history: list[Transition], asked: Campaign
) -> None:
    task = Simulated(asked)
    now = at(-14 * 24)
    for one in data.draw(st.permutations(history)):
        task.arrived.append(one)
        now = max(now, one.received) + hours(data.draw(st.integers(0, 100)))
        before, standing = task.decided(), task.standing
        if data.draw(st.booleans()):
            task.release(now, data.draw(OUTCOMES))
        assert len(task.sent) <= 1
        assert set(task.decided()) == set(before)
        assert standing in {None, task.standing}
    task.release(now + days(100), None)
    task.release(now + days(200), None)
    assert len(task.sent) <= 1
    for which in task.sent:
        assert isinstance(task.decided()[which], Schedule)


@given(histories(), campaigns(), st.data())
def test_with_nothing_released_before_the_last_arrival_permuted_duplicates_send_the_same(
    history: list[Transition], asked: Campaign, data: st.DataObject
) -> None:
    results = []
    for arrived in (history, data.draw(st.permutations(history * 2))):
        task = Simulated(asked, list(arrived))
        task.release(at(0) + days(200), None)
        results.append((task.sent, task.decided(), task.rearm_transition))
    assert results[0] == results[1]


def test_two_devices_that_finish_one_task_give_one_survey() -> None:
    task = Simulated(campaign(), [entered(DONE, 0, 1), entered(DONE, -1, 2)])
    task.release(at(0), None)
    task.release(at(9), None)
    assert task.sent == [UUID(int=2)]
    assert task.decided()[UUID(int=1)] == Skip(Reason.NOT_FIRST)


def test_a_task_that_was_reopened_is_asked_once_it_is_done_again() -> None:
    task = Simulated(campaign(), [entered(DONE, 0, 1), entered(ON_SITE, 1, 2)])
    task.release(at(2), None)
    task.arrived.append(entered(DONE, 3, 3))
    task.release(at(4), None)
    assert task.sent == [UUID(int=3)]
    assert task.decided()[UUID(int=1)] == Skip(Reason.LEFT_STATE)
