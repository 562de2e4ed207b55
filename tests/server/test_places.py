"""Who keeps a place when a process has no more connections to give, and what is let in."""

import asyncio
import gzip
from contextlib import ExitStack
from typing import Any

import pytest

from server.http.connection_slots import FEWEST, MOST, ConnectionSlots, slots_for
from server.http.middleware.body import FORM_LIMIT, LIMIT, MOST_ARRIVING, BodyMemory, read_bodies
from server.http.middleware.heads import Hosts, check_heads
from server.http.problems import CrowdedError

ATTACKER, FRIEND = "203.0.113.1", "198.51.100.1"


class Client:
    """A connection from `peer`."""

    def __init__(self, peer: str = ATTACKER) -> None:
        self.peer = peer
        self.ended = False

    def abort(self) -> None:
        """Note it."""
        self.ended = True


def entered(places: ConnectionSlots, *clients: Client) -> list[Client]:
    """`clients`, who came in this order."""
    for client in clients:
        places.enter(client)
    return list(clients)


def test_the_longest_without_a_whole_request_goes_first() -> None:
    places = ConnectionSlots(4)
    served, first, second, third = entered(places, *(Client() for _ in range(4)))
    places.stop_waiting(served)
    entered(places, Client(FRIEND))
    assert [one.ended for one in (served, first, second, third)] == [False, True, False, False]


def test_who_waits_again_after_an_answer_is_the_last_to_go() -> None:
    places = ConnectionSlots(2)
    first, second = entered(places, Client(), Client())
    places.stop_waiting(first)
    places.wait(first)
    entered(places, Client(FRIEND))
    assert (first.ended, second.ended) == (False, True)


def test_an_address_with_many_that_wait_gives_up_its_own() -> None:
    places = ConnectionSlots(8)
    friend = Client(FRIEND)
    own = entered(places, friend, *(Client() for _ in range(7)))[1:]
    entered(places, *(Client() for _ in range(5)))
    assert not friend.ended
    assert [one.ended for one in own] == [True] * 5 + [False] * 2


def test_who_does_not_read_goes_when_nobody_waits() -> None:
    places = ConnectionSlots(2)
    reading, stuck = entered(places, Client(), Client())
    for one in (reading, stuck):
        places.stop_waiting(one)
    places.stall(stuck)
    entered(places, Client(FRIEND))
    assert (reading.ended, stuck.ended) == (False, True)
    places.stall(reading)
    places.resume(reading)
    places.leave(stuck)
    entered(places, Client(FRIEND), Client(FRIEND))
    assert not reading.ended


def test_more_whole_requests_than_places_find_no_room() -> None:
    places = ConnectionSlots(2)
    clients = entered(places, *(Client() for _ in range(2)))
    for one in clients:
        places.stop_waiting(one)
    assert places.has_room(stream=False)
    late = entered(places, Client())[0]
    places.stop_waiting(late)
    assert not places.has_room(stream=False)
    places.leave(clients[0])
    assert places.has_room(stream=False)


def test_a_quarter_of_the_places_is_not_for_streams() -> None:
    places = ConnectionSlots(8)
    places.streams = 5
    assert places.has_room(stream=True)
    places.streams = 6
    assert not places.has_room(stream=True)
    assert places.has_room(stream=False)


def test_a_process_has_a_few_places_whatever_it_may_open() -> None:
    assert slots_for(10**9) == FEWEST
    assert FEWEST <= slots_for(8) <= MOST


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "crowded", "passes"),
    [("/login", False, True), ("/login", True, False), ("/health", True, True)],
)
async def test_without_room_only_probes_are_answered(
    path: str, crowded: bool, passes: bool
) -> None:
    reached: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])

    checked = check_heads(app, Hosts.of("https://retour.example", ""))
    scope: Any = {"type": "http", "path": path, "state": {"crowded": crowded}}
    scope |= {"method": "GET", "headers": [(b"host", b"retour.example")]}
    if passes:
        await checked(scope, None, None)  # type: ignore[arg-type]  # it only hands them on
    else:
        with pytest.raises(CrowdedError) as refused:
            await checked(scope, None, None)  # type: ignore[arg-type]
        assert refused.value.retry_after
    assert reached == [path] * passes


def test_large_bodies_find_no_room_when_too_many_arrive() -> None:
    memory = BodyMemory()
    with ExitStack() as bodies:
        late, small = (bodies.enter_context(memory.reserve()) for _ in range(2))
        for _ in range(MOST_ARRIVING // LIMIT):
            bodies.enter_context(memory.reserve()).resize(LIMIT)
        small.resize(FORM_LIMIT)
        with pytest.raises(CrowdedError):
            late.resize(FORM_LIMIT + 1)
    with memory.reserve() as reservation:
        reservation.resize(LIMIT)


@pytest.mark.anyio
async def test_a_body_counts_as_inflated_until_it_is_answered() -> None:
    inflated = gzip.compress(bytes(LIMIT))
    here, done = asyncio.Semaphore(0), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        here.release()
        await done.wait()

    async def receive() -> Any:
        return {"type": "http.request", "body": inflated, "more_body": False}

    headers = [(b"content-length", b"%d" % len(inflated)), (b"content-encoding", b"gzip")]
    scope: Any = {"type": "http", "path": "/api/v1/customers", "headers": headers}
    reading = read_bodies(app)
    async with asyncio.TaskGroup() as others:
        for _ in range(MOST_ARRIVING // LIMIT):
            others.create_task(reading(dict(scope), receive, None))  # type: ignore[arg-type]
            await here.acquire()
        with pytest.raises(CrowdedError):
            await reading(dict(scope), receive, None)  # type: ignore[arg-type]
        done.set()
    await reading(dict(scope), receive, None)  # type: ignore[arg-type]
