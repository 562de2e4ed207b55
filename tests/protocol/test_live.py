"""The live stream says when to pull: to whom it concerns, from whatever process, and never last."""

import json
import signal
from uuid import UUID

import httpx
import pytest

from server.live.poller import MOST
from tests.protocol.phones import Phone, phone_of
from tests.protocol.streams import Stream
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.office import PASSWORD, Office, in_database
from tests.support.postgres_proxy import PostgresProxy
from tests.support.processes import Fleet, Retour, until


def new_task(database: TestDatabase, office: Office, technician: UUID) -> UUID:
    """Another task of `technician`."""
    return in_database(database.api, lambda: office.world.task(technician=technician))


def assign(api: Served, office: Office, task: UUID, **whom: str | None) -> None:
    """Give `task` away as a dispatcher's program does."""
    path = f"/api/v1/tasks/{task}/assignments"
    answer = api.client.post(path, json=whom, headers=office.program)
    assert answer.status_code == 201, answer.text


def revoke_newest(api: Served, office: Office) -> None:
    """Revoke the device that was enrolled last."""
    path = "/api/v1/devices"
    listed = api.client.get(f"{path}?limit=500", headers=office.program).json()["items"]
    newest = max(listed, key=lambda one: str(one["enrolled_at"]))
    answer = api.client.post(f"{path}/{newest['id']}/revoke", headers=office.program)
    assert answer.status_code == 204


@pytest.fixture
def alice(shared: TestDatabase, north: Office, api: Served) -> Phone:
    """A device of alice's."""
    return phone_of(shared, north, north.world.alice, api.base_url)


@pytest.fixture
def bob(shared: TestDatabase, north: Office, api: Served) -> Phone:
    """A device of bob's, who works where alice does."""
    return phone_of(shared, north, north.world.bob, api.base_url)


def test_what_is_pushed_on_one_device_is_told_to_the_other(
    shared: TestDatabase, north: Office, alice: Phone
) -> None:
    task = new_task(shared, north, north.world.alice)
    tablet = phone_of(shared, north, north.world.alice, alice.origin)
    with tablet.listen() as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.headers["cache-control"] == "no-store"
        assert "content-length" not in stream.headers
        tablet.pull()
        alice.progress(task, "300")
        assert stream.next() == "pull"
        tablet.pull()
    assert tablet.state(task) == "300"


def test_nothing_is_told_to_another_technician(
    shared: TestDatabase, north: Office, south: Office, api: Served, alice: Phone, bob: Phone
) -> None:
    task = new_task(shared, north, north.world.alice)
    stranger = phone_of(shared, south, south.world.alice, alice.origin)
    with alice.listen() as hers, bob.listen() as his, stranger.listen() as foreign:
        for _ in range(3):
            alice.progress(task, "300")
            assert hers.next() == "pull"
        new_task(shared, north, north.world.bob)
        new_task(shared, south, south.world.alice)
        assert (his.next(), foreign.next()) == ("pull", "pull")
        for office in (north, south):
            revoke_newest(api, office)
        # Each stream is over right behind its own news: nothing else was on the way.
        assert (his.next(), foreign.next()) == (None, None)


def test_a_reassigned_task_is_told_to_who_loses_it_and_to_who_gains_it(
    shared: TestDatabase, north: Office, api: Served, alice: Phone, bob: Phone
) -> None:
    task = new_task(shared, north, north.world.alice)
    with alice.listen() as hers, bob.listen() as his:
        alice.pull()
        bob.pull()
        assert (alice.state(task), bob.state(task)) == ("100", None)
        assign(api, north, task, technician=str(north.world.bob))
        assert (hers.next(), his.next()) == ("pull", "pull")
        alice.pull()
        bob.pull()
    assert (alice.state(task), bob.state(task)) == (None, "100")


def test_a_pools_task_is_told_to_everybody_in_it(
    shared: TestDatabase, north: Office, api: Served, alice: Phone, bob: Phone
) -> None:
    task = new_task(shared, north, north.world.carol)
    with alice.listen() as hers, bob.listen() as his:
        assign(api, north, task, unit=str(north.world.site))
        assert (hers.next(), his.next()) == ("pull", "pull")
        alice.pull()
        bob.pull()
    assert (alice.state(task), bob.state(task)) == ("100", "100")


def test_a_revoked_device_is_told_nothing_more(
    shared: TestDatabase, north: Office, api: Served, alice: Phone
) -> None:
    lost = phone_of(shared, north, north.world.alice, api.base_url)
    with lost.listen() as stream, alice.listen() as kept:
        revoke_newest(api, north)
        assert stream.next() is None
        new_task(shared, north, north.world.alice)
        assert kept.next() == "pull"
    with Stream(api.base_url, lost.headers) as refused:
        assert refused.status == 401


def test_a_technician_who_left_is_told_nothing_more(
    shared: TestDatabase, north: Office, api: Served
) -> None:
    gone = in_database(shared.api, lambda: north.world.user("quits"))
    phone = phone_of(shared, north, gone, api.base_url)
    with phone.listen() as stream:
        body = {
            "id": str(gone),
            "unit": str(north.world.site),
            "role": "technician",
            "name": "Quits",
            "email": "quits@example.org",
            "active": False,
        }
        answer = api.client.post("/api/v1/users", json=body, headers=north.program)
        assert answer.status_code in {200, 201}, answer.text
        assert stream.next() is None


def test_only_devices_listen(api: Served, north: Office) -> None:
    for headers in ({}, north.program):
        with Stream(api.base_url, headers) as refused:
            assert refused.status == 401


def test_a_push_at_one_process_is_told_by_the_other(
    shared: TestDatabase, north: Office, fleet: Fleet, alice: Phone
) -> None:
    here, there = fleet.api(), fleet.api()
    task = new_task(shared, north, north.world.alice)
    alice.origin = here.origin
    with alice.listen(there.origin) as stream:
        alice.progress(task, "300")
        assert stream.next() == "pull"


def test_a_stream_cut_during_a_write_is_complete_after_the_next_pull(
    shared: TestDatabase, north: Office, alice: Phone
) -> None:
    tasks = [new_task(shared, north, north.world.alice) for _ in range(6)]
    tablet = phone_of(shared, north, north.world.alice, alice.origin)
    tablet.pull()
    for number, task in enumerate(tasks):
        stream = tablet.listen()
        if number % 2:  # once before the write, once after it
            stream.cut()
        alice.progress(task, "300")
        stream.cut()
    with tablet.listen():
        tablet.pull()
    assert [tablet.state(task) for task in tasks] == ["300"] * len(tasks)


def test_a_process_killed_with_streams_open_loses_nobody_anything(
    shared: TestDatabase, north: Office, fleet: Fleet
) -> None:
    doomed, other = fleet.api(), fleet.api()
    phones = [phone_of(shared, north, north.world.alice, doomed.origin) for _ in range(5)]
    pusher = phone_of(shared, north, north.world.alice, other.origin)
    before, during, after = (new_task(shared, north, north.world.alice) for _ in range(3))
    streams = [phone.listen() for phone in phones]
    pusher.progress(before, "300")
    doomed.send(signal.SIGKILL)
    pusher.progress(during, "300")
    for stream in streams:
        while stream.next() is not None:
            pass
    for phone in phones:
        phone.origin = other.origin
        with phone.listen() as stream:
            phone.pull()
            pusher.progress(after, "200")
            assert stream.next() == "pull"
            pusher.progress(after, "300")
            assert stream.next() == "pull"
            phone.pull()
        assert [phone.state(task) for task in (before, during, after)] == ["300"] * 3


def test_a_process_told_to_end_ends_its_streams_and_itself(
    shared: TestDatabase, north: Office, fleet: Fleet
) -> None:
    process = fleet.api()
    phone = phone_of(shared, north, north.world.alice, process.origin)
    streams = [phone.listen() for _ in range(20)]
    assert process.end() == 0
    assert [stream.next() for stream in streams] == [None] * len(streams)
    # Streams that hold it up are cancelled with an error only after the grace of five seconds.
    assert "graceful shutdown exceeded" not in process.log()
    assert "Traceback" not in process.log()


def test_the_log_tells_of_a_stream_when_it_begins_and_when_it_ends(
    shared: TestDatabase, north: Office, fleet: Fleet
) -> None:
    process = fleet.api()
    phone = phone_of(shared, north, north.world.alice, process.origin)
    stream = phone.listen()
    began = until(lambda: lines(process, "request"), "a line for the request")
    assert (began[0]["route"], began[0]["status"]) == ("/api/v1/sync/live", 200)
    assert not lines(process, "stream_ended")
    stream.cut()
    ended = until(lambda: lines(process, "stream_ended"), "a line for the end of the stream")
    assert [line["route"] for line in ended] == ["/api/v1/sync/live"]
    assert len(lines(process, "request")) == 1


def lines(process: Retour, event: str) -> list[dict[str, object]]:
    """What the process logged so far of a kind of event."""
    found = [json.loads(line) for line in process.log().splitlines() if line.startswith("{")]
    return [line for line in found if line["event"] == event]


def test_an_outage_of_the_database_only_delays_the_news(
    shared: TestDatabase, north: Office, fleet: Fleet
) -> None:
    with PostgresProxy(shared.owner) as proxy:
        process = fleet.api(database_url=proxy.dsn)
        phone = phone_of(shared, north, north.world.alice, process.origin)
        with phone.listen() as stream:
            proxy.refuse()
            proxy.cut()
            until(lambda: lines(process, "live_interrupted"), "the outage is noticed")
            task = new_task(shared, north, north.world.alice)
            proxy.listen()
            assert stream.next() == "pull"
            phone.pull()
        assert phone.state(task) == "100"
        assert len(lines(process, "live_interrupted")) == 1


def test_a_device_that_reconnects_in_a_loop_keeps_the_last_of_its_streams(
    shared: TestDatabase, north: Office, alice: Phone
) -> None:
    streams = [alice.listen() for _ in range(MOST + 1)]
    assert streams[0].next() is None
    new_task(shared, north, north.world.alice)
    assert [stream.next() for stream in streams[1:]] == ["pull"] * MOST
    for stream in streams:
        stream.cut()


def signed_in(api: Served, north: Office) -> str:
    """The cookie of a new session of the dispatcher's."""
    with httpx.Client(base_url=api.base_url, headers={"Origin": api.base_url}) as browser:
        person = {"email": north.address("dispatcher"), "password": PASSWORD}
        assert browser.post("/api/v1/sessions", json=person).status_code == 204
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def test_a_browser_that_reconnects_in_a_loop_keeps_the_last_of_its_streams(
    shared: TestDatabase, north: Office, api: Served, alice: Phone
) -> None:
    cookies = signed_in(api, north), signed_in(api, north)
    other = Stream(api.base_url, {"Cookie": cookies[1]}, "/tasks/live")
    streams = [Stream(api.base_url, {"Cookie": cookies[0]}, "/tasks/live") for _ in range(MOST + 1)]
    for stream in (*streams[1:], other):
        assert (stream.status, stream.next()) == (200, "changed")
    while streams[0].next() == "changed":
        pass  # until it was ended
    alice.progress(new_task(shared, north, north.world.alice), "300")
    assert [stream.next() for stream in (*streams[1:], other)] == ["changed"] * (MOST + 1)
    for stream in (*streams, other):
        stream.cut()


def test_all_streams_of_a_session_end_with_it_and_no_other(
    shared: TestDatabase, north: Office, api: Served, alice: Phone
) -> None:
    ended, stays = signed_in(api, north), signed_in(api, north)
    streams = [Stream(api.base_url, {"Cookie": ended}, "/tasks/live") for _ in range(3)]
    other = Stream(api.base_url, {"Cookie": stays}, "/tasks/live")
    for stream in (*streams, other):
        assert (stream.status, stream.next()) == (200, "changed")
    with httpx.Client(base_url=api.base_url, headers={"Origin": api.base_url}) as browser:
        gone = browser.delete("/api/v1/sessions", headers={"Cookie": ended})
        assert gone.status_code == 204
    alice.progress(new_task(shared, north, north.world.alice), "300")
    assert [stream.next() for stream in streams] == [None] * 3
    assert other.next() == "changed"
    for stream in (*streams, other):
        stream.cut()


def test_the_console_s_stream_ends_with_its_session(
    shared: TestDatabase, north: Office, api: Served, alice: Phone
) -> None:
    with httpx.Client(base_url=api.base_url, headers={"Origin": api.base_url}) as browser:
        person = {"email": north.address("dispatcher"), "password": PASSWORD}
        assert browser.post("/api/v1/sessions", json=person).status_code == 204
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        with Stream(api.base_url, {"Cookie": cookie}, "/tasks/live") as stream:
            assert (stream.status, stream.next()) == (200, "changed")
            assert browser.delete("/api/v1/sessions").status_code == 204
            alice.progress(new_task(shared, north, north.world.alice), "300")
            assert stream.next() is None
