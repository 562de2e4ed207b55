"""The demo's people work in the daytime, whenever it is made."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from server.demo.customers import make_customers
from server.demo.fixture import DEMO
from server.demo.story import HERO, HERO_DAY, HERO_DONE, DemoTask, TaskGenerator
from server.demo.working_hours import local

#: The morning, noon and evening of weekdays, a Sunday, nights, and both ends of the day's visits.
MOMENTS = [
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "2026-11-30T15:40", "2026-12-01T17:10", "2026-12-03T22:20", "2026-11-29T20:00",
        "2026-12-02T05:27", "2026-12-02T11:00", "2026-11-30T13:01", "2026-12-02T01:59",
        "2026-03-08T06:59", "2026-11-01T05:30", "2026-07-01T03:00",
    )
]  # fmt: skip
VISITING = frozenset({"300", "400", "450", "600", "610"})


def tasks_at(now: datetime) -> list[DemoTask]:
    """The tasks of a demo that is made at `now`."""
    rng = Random(2022)
    return TaskGenerator(rng, now, make_customers(rng)).tasks()


@pytest.fixture(params=MOMENTS, ids=lambda now: f"{local(now):%a-%H-%M}")
def made_at(request: pytest.FixtureRequest) -> datetime:
    """When a demo is made."""
    moment: datetime = request.param
    return moment


def test_nobody_works_at_night_and_nothing_happens_before_it_may(made_at: datetime) -> None:
    tasks = tasks_at(made_at)
    assert len(tasks) == 300
    for task in tasks:
        moments = [step.moment for step in task.steps]
        assert moments == sorted(moments)
        assert all(task.created < moment <= made_at for moment in moments)
        assert all(step.moment <= step.received <= made_at for step in task.steps)
        for step in task.steps:
            hours = range(6, 21) if step.state in VISITING else range(7, 17)
            assert local(step.moment).hour in hours, (step.state, local(step.moment))


def test_appointments_are_at_quarter_hours_of_the_day(made_at: datetime) -> None:
    appointments = [local(task.scheduled) for task in tasks_at(made_at) if task.scheduled]
    assert {moment.minute for moment in appointments} == {0, 15, 30, 45}
    assert not [moment for moment in appointments if moment.second or moment.microsecond]
    assert {moment.hour for moment in appointments} <= set(range(6, 22))


def test_a_visit_takes_no_longer_than_visits_do(made_at: datetime) -> None:
    for task in tasks_at(made_at):
        for before, after in zip(task.steps, task.steps[1:], strict=False):
            if (before.state, after.state) == ("300", "400"):
                assert timedelta(minutes=10) <= after.moment - before.moment < timedelta(hours=1)
            if before.state == "400" and after.state in {"600", "610"}:
                assert timedelta(minutes=20) <= after.moment - before.moment < timedelta(hours=3)


def test_the_readmes_technician_has_a_day_of_work_at_any_time(made_at: datetime) -> None:
    today = [
        task
        for task in tasks_at(made_at)
        if task.technician == HERO and task.scheduled and task.customer.email
        if local(task.scheduled).date() == local(made_at).date()
    ]
    left = [task for task in today if not task.steps]
    assert len(today) >= len(HERO_DAY)
    assert len(left) >= len(HERO_DAY) - HERO_DONE
    assert "entretien" in {task.type for task in left}


def test_who_was_just_visited_is_asked_and_not_muted(made_at: datetime) -> None:
    tasks = tasks_at(made_at)
    ended = [
        task
        for task in tasks
        if task.type != "entretien" and task.steps and task.steps[-1].state == "600"
        if task.steps[-1].received > made_at - timedelta(hours=12)
    ]
    customers = [task.customer.id for task in ended if task.customer.email]
    before = {
        task.customer.id
        for task in tasks
        if task not in ended
        for step in task.steps
        if step.state in DEMO.asking_states and step.moment > made_at - timedelta(days=8)
    }
    assert len(set(customers) - before) >= 4


def test_nobody_is_visited_twice_from_today_on(made_at: datetime) -> None:
    """Two visits of a kind would send two mails alike, as if one had been sent twice."""
    coming = [
        task.customer
        for task in tasks_at(made_at)
        if task.scheduled and local(task.scheduled).date() >= local(made_at).date()
    ]
    addresses = [one.email or one.captured or one.location_email or one.id for one in coming]
    assert len(set(addresses)) == len(addresses) > len(HERO_DAY)


def test_visits_are_going_on_and_some_just_ended(made_at: datetime) -> None:
    states = [task.steps[-1].state for task in tasks_at(made_at) if task.steps]
    assert {"300", "400", "450"} <= set(states)
