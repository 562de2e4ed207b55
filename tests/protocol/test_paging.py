"""Pages: full or the last, fresh while others write, and resumed after any interruption."""

import httpx
import pytest

from tests.protocol.client import over
from tests.protocol.desk import Desk
from tests.support.api_process import Served
from tests.support.listening import cut
from tests.support.postgres_proxy import HttpCutter


@pytest.mark.parametrize("limit", [1, 7, 10, 1000])
def test_pages_filtered_by_scope_stay_full_or_say_that_there_is_more(
    desk: Desk, limit: int
) -> None:
    mine: set[str] = set()
    for _ in range(5):  # other people's changes lie between every two of alice's
        desk.tasks(9, desk.world.bob)
        mine |= set(desk.tasks(3))
    device, more = desk.device(), True
    while more:
        page = device.pull_page(limit)
        more = page["more"]
        assert len(page["changes"]) <= limit
        assert not more or len(page["changes"]) == limit
    assert device.ids("task") == mine
    assert device.pull_page(limit)["changes"] == []


def test_rows_that_change_during_paging_end_at_their_newest_and_none_is_missed(
    desk: Desk,
) -> None:
    customer = desk.edit("customers", name="Avant")
    tasks = desk.tasks(20, customer=customer)
    device, worker = desk.device(), desk.device()
    expected = dict.fromkeys(tasks, "100")
    turn, more = 0, True
    while more:
        more = device.pull_page(3)["more"]
        if turn < len(tasks) // 2:
            # One that came already and one that did not; one goes, one is new.
            for task, state in ((tasks[turn], "300"), (tasks[-1 - turn], "600")):
                worker.record(task, state)
                expected[task] = state
            worker.push()
        if turn == 2:
            desk.hand(tasks[0], desk.world.bob)
            desk.hand(tasks[-1], desk.world.bob)
            del expected[tasks[0]], expected[tasks[-1]]
            expected[desk.task(customer=customer)] = "100"
            desk.edit("customers", id=customer, name="Après")
        turn += 1
    assert turn > len(tasks) // 2, "it changed while it was paged"
    assert {task: device.state_of(task) for task in device.ids("task")} == expected
    assert device.things["customer", customer]["name"] == "Après"
    fresh = desk.device()
    fresh.pull()
    assert device.things == fresh.things


def test_an_interrupted_first_sync_resumes_where_it_was(desk: Desk, api: Served) -> None:
    desk.tasks(40, customer=desk.edit("customers", name="Marie Tremblay"))
    whole = desk.device()
    count = len(whole.pull())
    device, came = desk.device(), 0
    with HttpCutter(api.base_url) as line, over(line.origin, api.client) as cut_line:
        device.client = cut_line
        more = True
        while more:
            line.reply.arm(cut)
            with pytest.raises(httpx.TransportError):
                device.pull_page(10)
            # As an app that was closed and opened again: what it stored is all it knows.
            page = device.pull_page(10)
            came += len(page["changes"])
            more = page["more"]
        assert line.reply.hits > 3
    assert came == count, "nothing was sent that was there already"
    assert device.things == whole.things


def test_what_happens_while_the_first_sync_is_interrupted_is_not_lost(desk: Desk) -> None:
    tasks = desk.tasks(30)
    device, worker = desk.device(), desk.device()
    assert device.pull_page(20)["more"]
    worker.record(tasks[0], "600")
    worker.record(tasks[-1], "600")
    worker.push()
    added = desk.task()
    device.pull()
    assert device.ids("task") == {*tasks, added}
    assert [device.state_of(task) for task in (tasks[0], tasks[1], tasks[-1])] == [
        "600",
        "100",
        "600",
    ]
