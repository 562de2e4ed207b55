"""What the real log must lead to, recomputed from its file alone.

Nothing here knows the product: the rules are written down a second time, from the description of
the feature, so that a mistake would have to be made twice in two different ways.
"""

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

LOG: Final = Path(__file__).parents[3] / "shared" / "data" / "helpdesk-transitions.csv"

#: The state that makes a campaign ask.
TRIGGER: Final = "Resolve ticket"
KINDS: Final = {
    "Insert ticket": "planned",
    "Assign seriousness": "planned",
    "Take in charge ticket": "active",
    "Wait": "active",
    "Require upgrade": "active",
    "Create SW anomaly": "active",
    "Resolve SW anomaly": "active",
    "Schedule intervention": "active",
    TRIGGER: "done",
    "Closed": "closed",
    "VERIFIED": "closed",
    "RESOLVED": "closed",
    "INVALID": "cancelled",
    "DUPLICATE": "cancelled",
}
CUSTOMERS: Final = 1000
#: Sent this soon after its release, an invitation counts as sent at its release.
PROMPT: Final = timedelta(minutes=15)


class Move(NamedTuple):
    """One line of the log; `row` is its place in the file and orders what shares a second."""

    row: int
    task: str
    state: str
    technician: str
    moment: datetime

    @property
    def order(self) -> tuple[datetime, int]:
        """The place in the task's history."""
        return (self.moment, self.row)


class Person(NamedTuple):
    """A customer: what was typed in the customer's field and in the location's."""

    number: int
    email: str | None
    location_email: str | None

    @property
    def address(self) -> str | None:
        """The mailbox to ask, in the form in which equal ones are equal."""
        typed = self.email or self.location_email
        return typed.strip().lower() if typed else None


class Expected(NamedTuple):
    """What must be found: each task's last state, decisions per reason, mails per address."""

    states: dict[str, str]
    outcomes: Counter[str]
    mails: Counter[str]


def read_log() -> list[Move]:
    """The log, in the order of its file."""
    with LOG.open(newline="") as lines:
        return [
            Move(row, line["task"], line["state"], line["technician"], _moment(line))
            for row, line in enumerate(csv.DictReader(lines), 1)
        ]


def _moment(line: dict[str, str]) -> datetime:
    return datetime.fromisoformat(line["occurred_at"])


def person(number: int) -> Person:
    """Customer `number`: one in ten without address, one with the location's alone.

    Every fiftieth shares a mailbox with the one before, typed in another way.
    """
    own, place = f"customer{number}@example.test", f"place{number}@example.test"
    if number % 10 == 0:
        return Person(number, None, None)
    if number % 10 == 1:
        return Person(number, None, place)
    if number % 50 == 7:
        return Person(number, f" Customer{number - 1}@Example.TEST ", place)
    return Person(number, own, place if number % 3 else None)


def person_of(task: str) -> Person:
    """The customer of a task, by its name alone; low numbers call more often."""
    draw = int.from_bytes(hashlib.sha256(task.encode()).digest()[:4], "big") / 2**32
    return person(int(CUSTOMERS * draw * draw))


def assignments(log: Iterable[Move]) -> dict[tuple[str, str], tuple[datetime, datetime]]:
    """From when to when each (task, technician) worked: from the first to the last line of it."""
    spans: dict[tuple[str, str], tuple[datetime, datetime]] = {}
    for move in log:
        key = (move.task, move.technician)
        first, last = spans.get(key, (move.moment, move.moment))
        spans[key] = (min(first, move.moment), max(last, move.moment))
    return spans


def histories(log: Iterable[Move]) -> dict[str, list[Move]]:
    """Each task's lines in order."""
    found: defaultdict[str, list[Move]] = defaultdict(list)
    for move in log:
        found[move.task].append(move)
    return {task: sorted(moves, key=lambda one: one.order) for task, moves in found.items()}


def stands(state: str) -> str | None:
    """Why nothing goes to a task that is now in `state`, or None."""
    match KINDS[state]:
        case "planned" | "active":
            return "left_state"
        case "cancelled":
            return "task_cancelled"
        case _:
            return None


def all_at_once(log: list[Move], *, mute: bool) -> Expected:
    """Everything arrived before anything was due; with `mute`, within one window.

    The first transition into the trigger is asked once for its task, the others are not first.
    """
    states, outcomes, mails = {}, Counter[str](), Counter[str]()
    for task, moves in histories(log).items():
        states[task] = moves[-1].state
        triggers = sum(move.state == TRIGGER for move in moves)
        if not triggers:
            continue
        outcomes["not_first"] += triggers - 1
        address = person_of(task).address
        reason = stands(states[task]) or (None if address else "no_address")
        if reason is None and mute and mails[address or ""]:
            reason = "muted"
        outcomes[reason or "scheduled"] += 1
        if reason is None:
            mails[address or ""] += 1
    return Expected(states, +outcomes, +mails)


class Step(NamedTuple):
    """A stretch of the driven clock: releases from `first` to `last` are sent at `last`."""

    first: datetime
    last: datetime


def steps(log: Iterable[Move], delay: timedelta) -> list[Step]:
    """When the clock stops: at every possible release, those of one quarter of an hour together.

    A quarter of an hour less a minute, so that all of a step count as sent at their release.
    The last step is the end of the log.
    """
    log = list(log)
    found: list[Step] = []
    for release in sorted(move.moment + delay for move in log if move.state == TRIGGER):
        if found and release - found[-1].first <= PROMPT - timedelta(minutes=1):
            found[-1] = Step(found[-1].first, release)
        else:
            found.append(Step(release, release))
    end = max(move.moment for move in log)
    return [*found, Step(max(end, found[-1].last), max(end, found[-1].last))]


class Simulation:
    """The four years with a clock: `arrive` at each step's moment, then `release`."""

    def __init__(self, delay: timedelta, mute: timedelta) -> None:
        self.delay, self.mute = delay, mute
        self.last: dict[str, Move] = {}
        self.pending: dict[str, Move] = {}
        self.rearm_after: dict[str, tuple[datetime, int]] = {}
        self.used_up: set[str] = set()
        self.window: dict[str, datetime] = {}
        self.outcomes: Counter[str] = Counter()
        self.mails: Counter[str] = Counter()

    def arrive(self, move: Move) -> None:
        """One more line of the log, never earlier than those before."""
        self.last[move.task] = move
        if move.state != TRIGGER:
            return
        open_again = move.order > self.rearm_after.get(move.task, (move.moment, 0))
        if move.task in self.used_up or move.task in self.pending or not open_again:
            self.outcomes["not_first"] += 1
        else:
            self.pending[move.task] = move

    def release(self, until: datetime) -> None:
        """Everything due by `until`, in the order of release."""
        due = [one for one in self.pending.values() if one.moment + self.delay <= until]
        for move in sorted(due, key=lambda one: one.order):
            del self.pending[move.task]
            self._judge(move)

    def _judge(self, move: Move) -> None:
        reason = stands(self.last[move.task].state)
        if reason:
            self.rearm_after[move.task] = self.last[move.task].order
        else:
            self.used_up.add(move.task)
            reason = self._address(move)
        self.outcomes[reason or "scheduled"] += 1

    def _address(self, move: Move) -> str | None:
        address, release = person_of(move.task).address, move.moment + self.delay
        if address is None:
            return "no_address"
        if address in self.window and release < self.window[address] + self.mute:
            return "muted"
        self.window[address] = release
        self.mails[address] += 1
        return None


def arrivals(log: list[Move], delay: timedelta) -> Iterator[tuple[Step, datetime, list[Move]]]:
    """For each step what arrives before its first release, and when; after all, with the last.

    A minute before it, but not before what was released earlier: nothing is known too soon.
    """
    waiting = sorted(log, key=lambda one: one.order)
    start, before = 0, waiting[0].moment
    for step in steps(log, delay):
        arrival = max(before, step.first - timedelta(minutes=1))
        end = _until(waiting, start, arrival)
        yield step, arrival, waiting[start:end]
        start, before = end, step.last + timedelta(milliseconds=1)
    last = Step(before, before)
    yield last, before, waiting[start:]


def _until(moves: list[Move], start: int, moment: datetime) -> int:
    while start < len(moves) and moves[start].moment <= moment:
        start += 1
    return start


def through_time(log: list[Move], delay: timedelta, mute: timedelta) -> Expected:
    """The log arrives as it happened, and what is due goes when it is due."""
    run = Simulation(delay, mute)
    for step, _, arrived in arrivals(log, delay):
        for move in arrived:
            run.arrive(move)
        run.release(step.last)
    states = {task: moves[-1].state for task, moves in histories(log).items()}
    return Expected(states, +run.outcomes, +run.mails)
