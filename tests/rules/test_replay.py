"""Replay decides as arrivals and releases in their order do."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from msgspec.structs import replace

from rules.calendar import OFFICE_HOURS, Calendar
from rules.campaign import Campaign, Pause
from rules.decide import Schedule
from rules.history import Transition
from rules.replay import RoundReplayed, replay
from tests.rules.samples import (
    CANCELLED,
    DONE,
    ON_SITE,
    TASK,
    TO_RECONTACT,
    at,
    campaign,
    campaigns,
    days,
    entered,
    histories,
    hours,
)
from tests.rules.test_interleaving import KINDS, Simulated

UNTIL = at(60 * 24)


def replayed(
    history: Sequence[Transition], asked: Campaign, *opened: float, until: datetime = UNTIL
) -> list[RoundReplayed]:
    """The rounds of `TASK`; later ones were opened so many hours after noon."""
    moments = [at(hour) for hour in opened]
    return replay(TASK, history, moments, asked, KINDS, until=until)


def said(rounds: Sequence[RoundReplayed]) -> list[list[str]]:
    """Of each round what was decided on its steps, in order: sent, waits, or the reason."""
    return [
        [
            str(decision.reason)
            if not isinstance(decision, Schedule)
            else "waits"
            if one.released is None
            else "sent"
            for step in one.steps
            if (decision := one.decisions.get(step.id)) is not None
        ]
        for one in rounds
    ]


@given(histories(), campaigns())
def test_it_is_what_happens_when_everything_happens_in_its_order(
    history: list[Transition], asked: Campaign
) -> None:
    asked = replace(asked, pauses=())
    lived = Simulated(asked)
    for step in sorted(history, key=lambda one: one.received):
        due = lived.scheduled()
        if due is not None and due.release < step.received:
            lived.release(due.release, None)
        lived.arrived.append(step)
    lived.release(UNTIL, None)
    found = {key: one for part in replayed(history, asked) for key, one in part.decisions.items()}
    assert found == lived.decided()


TWELVE = campaign(delay=hours(12))
#: Nine to five in UTC, on weekdays.
OFFICE = Calendar(UTC, OFFICE_HOURS, OFFICE_HOURS)


@pytest.mark.parametrize(
    ("steps", "opened", "expected"),
    [
        ([], [], []),
        ([entered(ON_SITE, 0)], [], []),
        ([entered(DONE, 0)], [], [["sent"]]),
        ([entered(DONE, 0), entered(TO_RECONTACT, 1)], [], [["sent", "not_first"]]),
        ([entered(DONE, 0), entered(ON_SITE, 1)], [], [["left_state"]]),
        ([entered(DONE, 0), entered(CANCELLED, 1)], [], [["task_cancelled"]]),
        # What was not received yet at the release does not matter.
        ([entered(DONE, 0), entered(ON_SITE, 1, received=at(13))], [], [["sent"]]),
        ([entered(DONE, 0), entered(ON_SITE, 1), entered(DONE, 14)], [], [["left_state", "sent"]]),
        # Late steps from before the drop re-arm nothing.
        (
            [entered(DONE, 0), entered(ON_SITE, 2), entered(DONE, 1, received=at(14))],
            [],
            [["left_state", "not_first"]],
        ),
        # One that is too old to ask takes the place of one that waits.
        (
            [entered(DONE, 0), entered(DONE, -8 * 24, received=at(1))],
            [],
            [["stale", "not_first"]],
        ),
        ([entered(DONE, 0), entered(DONE, 20)], [6.0], [["new_round"], ["sent"]]),
        ([entered(DONE, 0), entered(DONE, 30)], [20.0], [["sent"], ["sent"]]),
        ([entered(DONE, 0)], [20.0], [["sent"], []]),
    ],
)
def test_what_is_decided(
    steps: list[Transition], opened: list[float], expected: list[list[str]]
) -> None:
    assert said(replayed(steps, TWELVE, *opened)) == expected


def test_what_is_received_or_opened_later_does_not_count() -> None:
    steps = [entered(DONE, 0), entered(ON_SITE, 1)]
    assert said(replayed(steps, TWELVE, 3, until=at(0.5))) == [["waits"]]
    [only] = replayed(steps[:1], TWELVE, until=at(12))
    assert said([only]) == [["sent"]]
    assert only.released is not None
    assert (only.released.judged, only.released.made, only.released.state) == (at(12), at(0), DONE)
    assert only.releases == {steps[0].id: at(12)}


def test_a_pause_holds_what_is_due_and_drops_what_it_held_too_long() -> None:
    for length, expected in ((1, "sent"), (8, "paused")):
        asked = campaign(delay=hours(12), pauses=(Pause(at(6), at(6) + days(length)),))
        [only] = replayed([entered(DONE, 0)], asked)
        assert said([only]) == [[expected]]
        assert only.released is None or only.released.judged == at(6) + days(length)
    # A pause that began after the release was not known then.
    asked = campaign(pauses=(Pause(at(24), at(24 * 20)),))
    assert said(replayed([entered(DONE, 0)], asked)) == [["sent"]]


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        ([Pause(at(1), at(10))], ("sent", at(21), at(21))),
        # Due on Monday. The first ends on Saturday; the second is measured from Monday's opening.
        ([Pause(at(1), at(120)), Pause(at(160), at(266))], ("sent", at(165), at(266))),
        ([Pause(at(1), at(120)), Pause(at(160), at(338))], ("paused", at(165), None)),
        # Nobody waits for Monday to drop what was held until Saturday.
        ([Pause(at(1), at(288))], ("paused", at(2), None)),
    ],
)
def test_the_calendar_moves_what_a_pause_held(
    pauses: list[Pause], expected: tuple[str, datetime, datetime | None]
) -> None:
    asked, step = campaign(pauses=tuple(pauses), delay=hours(2)), entered(DONE, 0)
    [only] = replay(TASK, [step], [], asked, KINDS, OFFICE, until=UNTIL)
    judged = None if only.released is None else only.released.judged
    assert (*said([only])[0], only.releases[step.id], judged) == expected
