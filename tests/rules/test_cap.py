"""20: at most so many surveys to an address and period, by priority, and only what went counts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct, structs

from rules.at_release import Cap, Contact, Go, Mute, Timed, Wait, judge_contact
from rules.calendar import civil_day, window_end
from rules.decide import Reason, Skip
from rules.timing import window_anchor
from tests.rules.samples import NOON, at, days, hours

OURS: Final = UUID(int=5)
TWO_A_WEEK: Final = Cap(2, 7)
AT_ONE: Final = Timed(at(1), at(1), at(1), UTC)


def used(number: int, hour: float, confirmed: bool = True) -> Mute:
    """A use by another invitation, so many hours after noon."""
    return Mute(UUID(int=number), confirmed, at(hour))


def judged(*uses: Mute, ahead: Sequence[int] = (), cap: Cap | None = TWO_A_WEEK) -> object:
    """What is decided at one o'clock on an invitation without a mute window."""
    ids = [UUID(int=number) for number in ahead]
    contact = Contact(suppressed=False, mute=None, uses=uses, ahead=ids)
    return judge_contact(OURS, AT_ONE, None, contact, cap)


GOES: Final = Go(reserve=False)


@pytest.mark.parametrize(
    ("uses", "ahead", "found"),
    [
        ((), (), GOES),
        ((used(11, -1),), (), GOES),
        ((used(11, -2), used(12, -1)), (), Skip(Reason.CAPPED, holder=UUID(int=11))),
        (
            (used(11, -3), used(12, -2), used(13, -1)),
            (),
            Skip(Reason.CAPPED, holder=UUID(int=12)),
        ),
        ((used(11, -7 * 24 + 1), used(12, -1)), (), GOES),
        ((used(11, -7 * 24 + 1.1), used(12, -1)), (), Skip(Reason.CAPPED, holder=UUID(int=11))),
        ((used(11, -2), used(12, -1, confirmed=False)), (), Wait(UUID(int=12))),
        ((used(11, -2, confirmed=False), used(12, -1, confirmed=False)), (), Wait(UUID(int=12))),
        ((used(11, -30 * 24, confirmed=False), used(12, -1)), (), Wait(UUID(int=11))),
        ((used(11, -1, confirmed=False),), (), GOES),
        (
            (used(11, -3), used(12, -2), used(13, -1, confirmed=False)),
            (21,),
            Skip(Reason.CAPPED, holder=UUID(int=11)),
        ),
        ((), (21,), GOES),
        ((), (21, 22, 23), Wait(UUID(int=22), yields=True)),
        ((used(11, -1),), (21, 22), Wait(UUID(int=21), yields=True)),
        ((used(11, -1, confirmed=False),), (21,), Wait(UUID(int=21), yields=True)),
        ((used(11, -2), Mute(OURS, False, at(0)), used(12, -1)), (21,), GOES),
    ],
    ids=[
        "nothing was sent",
        "20: less than the cap",
        "20: as many as the cap, the older of which leaves first",
        "more than the cap: one of them was exempt",
        "one of them exactly seven days ago",
        "one of them a little less",
        "20: one is on its way, and may fail",
        "both are on their way",
        "one that is on its way for long may be accepted now",
        "there is room for one beside what is on its way",
        "what was accepted decides, whatever is on its way or waits",
        "20: there is room for a higher one, too",
        "20: higher ones would use the room up",
        "20: a higher one would use up what is left",
        "a higher one and one that is on its way",
        "19: a retry keeps what it has",
    ],
)
def test_20_an_address_is_asked_as_often_as_the_cap_allows(
    uses: Sequence[Mute], ahead: Sequence[int], found: object
) -> None:
    assert judged(*uses, ahead=ahead) == found


def test_without_a_cap_nothing_is_counted() -> None:
    assert judged(used(11, -2), used(12, -1), ahead=[21, 22], cap=None) == GOES


@pytest.mark.parametrize(("zone", "found"), [("America/Montreal", "goes"), ("UTC", "capped")])
def test_20_days_of_the_cap_are_civil_days_of_the_place(zone: str, found: str) -> None:
    """As those of mute windows: the week of spring's change has 167 hours."""
    first = datetime(2026, 3, 2, 15, tzinfo=UTC)
    visit = first + days(7) - hours(1)
    contact = Contact(False, None, uses=[Mute(UUID(int=11), True, first)])
    timed = Timed(visit, visit, visit, ZoneInfo(zone))
    verdict = judge_contact(OURS, timed, None, contact, Cap(1, 7))
    assert isinstance(verdict, Go if found == "goes" else Skip)


def test_22_muted_comes_before_capped() -> None:
    window = used(11, 0)
    contact = Contact(False, window, uses=[window, used(12, -1)])
    found = judge_contact(OURS, AT_ONE, days(7), contact, TWO_A_WEEK)
    assert found == Skip(Reason.MUTED, holder=window.invitation)


@pytest.mark.parametrize("hour", [-12, -0.001, 0, 11.9])
def test_a_local_day_is_from_midnight_to_midnight(hour: float) -> None:
    """Of the 23 hours of a day in spring, too."""
    zone = ZoneInfo("Europe/Paris")
    noon = datetime(2027, 3, 28, 12, tzinfo=zone)
    start, end = civil_day(noon.astimezone(UTC) + hours(hour / 1.1), zone)
    assert (start, end) == (
        datetime(2027, 3, 27, 23, tzinfo=UTC),
        datetime(2027, 3, 28, 22, tzinfo=UTC),
    )


# ------------------------------------------------------------- a model of claims and outcomes


class Asked(Struct):
    """An invitation of the model: its campaign's priority and mute, when and how its mail ends.

    `takes`: hours from its claim to its outcome; `accepted`: which that is.
    """

    id: UUID
    priority: int
    mute: timedelta | None
    release: datetime
    takes: float
    accepted: bool
    verdict: Go | Skip | None = None
    counted_from: datetime | None = None
    ends: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether nothing was decided on it."""
        return self.verdict is None


ASKED: Final = st.builds(
    lambda priority, mute, hour, takes, accepted: Asked(
        UUID(int=0), priority, days(2) if mute else None, at(hour), takes, accepted
    ),
    st.integers(4, 6),
    st.booleans(),
    st.integers(0, 5 * 24),
    st.sampled_from([0.01, 0.1, 1.0, 30.0]),
    st.booleans() | st.just(True),
)
CAPS: Final = st.builds(Cap, st.integers(1, 3), st.integers(1, 3))


class Address:
    """One address, whose invitations are claimed whenever one is due or had an outcome."""

    def __init__(self, asked: Sequence[Asked], cap: Cap) -> None:
        self.asked = [structs.replace(one, id=UUID(int=n)) for n, one in enumerate(asked, 1)]
        self.asked.sort(key=lambda one: (one.release, one.id))
        self.cap = cap
        self.now = NOON

    def uses(self) -> list[Mute]:
        """What is reserved or was accepted."""
        return [
            Mute(one.id, one.ends <= self.now, one.counted_from)
            for one in self.asked
            if one.counted_from is not None and one.ends is not None
            and (one.accepted or one.ends > self.now)
        ]  # fmt: skip

    def judge(
        self, one: Asked, moment: datetime, uses: list[Mute], ahead: list[UUID] | None
    ) -> object:
        """What is decided on it at a moment; without `ahead` whatever the cap."""
        of_campaign = [
            use
            for use in uses
            if next(other for other in self.asked if other.id == use.invitation).priority
            == one.priority
        ]
        last = max(of_campaign, key=lambda use: use.counted_from, default=None)
        contact = Contact(False, last, uses=uses, ahead=ahead or ())
        timed = Timed(one.release, one.release, moment, UTC)
        cap = None if ahead is None else self.cap
        return judge_contact(one.id, timed, one.mute, contact, cap)

    def ahead(self, one: Asked) -> list[UUID]:
        """Those that it may have to yield to, as `mail.delivery.judging` finds them."""
        start, end = civil_day(one.release, UTC)
        uses, found = self.uses(), []
        for rival in self.asked:
            if rival.priority <= one.priority or not rival.waits:
                continue
            if not start <= rival.release < end:
                continue
            moment = max(rival.release, self.now)
            verdict = self.judge(rival, moment, uses, None)
            if not isinstance(verdict, Skip):
                found.append(rival.id)
            if isinstance(verdict, Go):
                counted = window_anchor(rival.release, rival.release, moment)
                uses = [*uses, Mute(rival.id, True, counted)]
        return found

    def claim(self) -> None:
        """Judge what is due, in the order of release."""
        for one in self.asked:
            if not one.waits or one.release > self.now:
                continue
            verdict = self.judge(one, self.now, self.uses(), self.ahead(one))
            if isinstance(verdict, Wait):
                continue
            assert isinstance(verdict, Go | Skip)
            one.verdict = verdict
            if isinstance(verdict, Go):
                one.ends = self.now + hours(one.takes)
                sent = window_anchor(one.release, one.release, one.ends)
                one.counted_from = sent if one.accepted else self.now
            else:
                assert one.counted_from is None
                self.was_right(one, verdict)

    def was_right(self, one: Asked, verdict: Skip) -> None:
        """Whoever is dropped meets what was accepted, and as much of it as the cap allows."""
        covering = [
            use.invitation
            for use in self.uses()
            if use.confirmed
            and window_anchor(one.release, one.release, self.now)
            < window_end(use.counted_from, days(self.cap.days), UTC)
        ]
        if verdict.reason is Reason.CAPPED:
            assert len(covering) >= self.cap.surveys
            assert verdict.holder in covering
        holder = next(other for other in self.asked if other.id == verdict.holder)
        assert holder.accepted

    def run(self) -> None:
        """Let time pass from event to event; nobody is left waiting when there are none."""
        while True:
            self.claim()
            events = [one.release for one in self.asked if one.waits]
            events += [one.ends for one in self.asked if one.ends is not None]
            coming = [event for event in events if event > self.now]
            if not coming:
                return
            self.now = min(coming)


@given(st.lists(ASKED, max_size=9), CAPS)
@example(
    [Asked(UUID(int=0), 5, None, at(0), 1, True), Asked(UUID(int=0), 6, None, at(1), 1, True)],
    Cap(1, 1),
)
def test_20_whatever_comes_of_mails_no_period_has_more_and_nobody_waits_for_ever(
    asked: list[Asked], cap: Cap
) -> None:
    """Nor is anybody dropped because of a mail that did not go (see `was_right`)."""
    address = Address(asked, cap)
    address.run()
    assert [one for one in address.asked if one.waits] == []
    sent = sorted(one.counted_from for one in address.asked if one.accepted and one.counted_from)
    for first, later in zip(sent, sent[cap.surveys :], strict=False):
        assert later >= window_end(first, days(cap.days), UTC)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 11), st.booleans()), max_size=8),
    st.integers(1, 4),
)
def test_20_of_one_day_the_highest_priorities_go_that_servers_accept(
    asked: list[tuple[int, int, bool]], surveys: int
) -> None:
    """Whoever is released first, and whatever fails meanwhile."""
    address = Address(
        [
            Asked(UUID(int=0), priority, None, at(hour), 1.0, accepted)
            for priority, hour, accepted in asked
        ],
        Cap(surveys, 3),
    )
    address.run()
    acceptable = sorted((priority for priority, _, accepted in asked if accepted), reverse=True)
    sent = [one.priority for one in address.asked if one.accepted and one.counted_from]
    assert sorted(sent, reverse=True) == acceptable[:surveys]
