"""What is pushed again, twice at once, or in bad company: each transition gets its one verdict."""

import asyncio

import httpx
import pytest

from tests.protocol.client import over
from tests.protocol.desk import Desk
from tests.support.api_process import Served
from tests.support.listening import cut
from tests.support.owner import Owner
from tests.support.postgres_proxy import HttpCutter

HOLD_TASK = "SELECT FROM task WHERE id = $1 FOR UPDATE"


def test_a_socket_cut_after_the_commit_leaves_the_queue_and_the_retry_hears_the_same(
    desk: Desk, api: Served
) -> None:
    task, foreign, device = desk.task(), desk.task(desk.world.bob), desk.device()
    for state in ("300", "600"):
        device.record(task, state)
    device.record(foreign, "600")
    queued = list(device.queue)
    with HttpCutter(api.base_url) as line, over(line.origin, api.client) as cut_line:
        device.client = cut_line
        line.reply.arm(cut)
        with pytest.raises(httpx.TransportError):
            device.push()
        assert line.reply.hits == 1
        assert list(device.queue) == queued
        assert desk.states(task) == ["300", "600"], "it was committed before the cut"
        lost = line.last_reply
        assert device.push() == ["accepted", "accepted", "refused"]
        assert line.last_reply == lost
    assert not device.queue
    assert desk.states(task) == ["300", "600"]


@pytest.mark.anyio
async def test_the_same_batch_on_two_connections_at_once_is_kept_once(
    desk: Desk, watching: Owner
) -> None:
    task, device = desk.task(), desk.device()
    for state in ("300", "600"):
        device.record(task, state)
    items = list(device.queue.values())
    async with watching.connection.transaction():
        await watching.connection.execute(HOLD_TASK, task)
        pushes = [asyncio.create_task(asyncio.to_thread(device.send, *items)) for _ in range(2)]
        await watching.until_waiting(2)
    first, second = await asyncio.gather(*pushes)
    assert first == second
    assert [result["verdict"] for result in first] == ["accepted", "accepted"]
    assert await asyncio.to_thread(desk.states, task) == ["300", "600"]


def test_the_same_id_with_other_content_is_refused_and_changes_nothing(desk: Desk) -> None:
    task, device = desk.task(), desk.device()
    device.record(task, "600", note="Joint remplacé")
    (told,) = device.queue.values()
    assert device.push() == ["accepted"]
    for other in ({"state": "610"}, {"note": "Autre chose"}, {"survey": False}, {"sequence": 9}):
        assert device.send(told | other) == [
            {"id": told["id"], "verdict": "refused", "reason": "id_reused"}
        ]
    assert [(fact["state"], fact["note"]) for fact in desk.history(task)] == [
        ("600", "Joint remplacé")
    ]
    assert device.send(told) == [{"id": told["id"], "verdict": "accepted"}]


def test_another_technician_s_id_is_refused_even_with_the_same_content(desk: Desk) -> None:
    task, alice, bob = desk.task(), desk.device(), desk.device(desk.world.bob)
    alice.record(task, "600")
    (told,) = alice.queue.values()
    alice.push()
    assert [result["reason"] for result in bob.send(told)] == ["id_reused"]


def test_another_device_of_the_same_technician_hears_duplicate(desk: Desk) -> None:
    task, phone, tablet = desk.task(), desk.device(), desk.device()
    phone.record(task, "600")
    (told,) = phone.queue.values()
    phone.push()
    assert [result["verdict"] for result in tablet.send(told)] == ["duplicate"]


def test_one_invalid_item_among_valid_ones_is_refused_alone(desk: Desk) -> None:
    before, after, foreign = desk.task(), desk.task(), desk.task(desk.world.bob)
    device = desk.device()
    device.record(before, "600")
    unknown = device.record(before, "no such state")
    not_mine = device.record(foreign, "600")
    device.record(after, "600")
    assert device.push() == ["accepted", "refused", "refused", "accepted"]
    reasons = [device.verdicts[refused]["reason"] for refused in (unknown, not_mine)]
    assert reasons == ["unknown_state", "no_authority"]
    assert desk.states(before) == desk.states(after) == ["600"]
    assert desk.states(foreign) == []
    assert desk.open_items() == {unknown: "refused", not_mine: "refused"}


def test_an_item_that_is_no_transition_is_refused_alone_and_may_come_again_mended(
    desk: Desk,
) -> None:
    task, device = desk.task(), desk.device()
    device.record(task, "300")
    poison = device.record(task, "610", survey="perhaps")
    item = device.queue[poison]
    device.record(task, "600")
    assert device.push() == ["accepted", "refused", "accepted"]
    told = device.verdicts[poison]
    assert (told["reason"], told["pointer"]) == ("malformed", "/transitions/1/survey")
    assert desk.open_items() == {}
    [again] = device.send({**item, "survey": True})
    assert again == {"id": poison, "verdict": "accepted"}


def test_an_item_without_an_id_cannot_be_answered_and_is_named(desk: Desk) -> None:
    task, device = desk.task(), desk.device()
    device.record(task, "300")
    nameless = device.record(task, "600")
    device.queue[nameless]["id"] = None
    with pytest.raises(httpx.HTTPStatusError) as caught:
        device.push()
    assert caught.value.response.status_code == 400
    assert "/transitions/1/id" in caught.value.response.text
    assert desk.states(task) == []
