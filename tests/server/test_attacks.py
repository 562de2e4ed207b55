"""Hazards 30 and 31: whatever a stranger sends or holds, others are answered meanwhile."""

import re
import resource
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest

from tests.server.attacks import FORM, Wire
from tests.support.databases import TestDatabase
from tests.support.office import PASSWORD, Office, in_database
from tests.support.patience import soon
from tests.support.processes import Api, Fleet

pytestmark = pytest.mark.slow

#: Attackers at once.
CROWD: Final = 24
#: Files that the process may open, and connections that try to take them all.
FILES: Final = 128
STUCK: Final = 200
PATIENCE: Final = 60.0
MEBIBYTE: Final = 1 << 20


def attacked(database: TestDatabase, folder: Path) -> Fleet:
    """Processes over it; their broker is away, which keeps nobody waiting."""
    settings = {
        "database_url": database.owner,
        "secret": database.settings().secret,
        "testing": "true",
        "broker_url": "redis://127.0.0.1:1",
    }
    return Fleet(folder, **settings)


@pytest.fixture(scope="module")
def process(shared: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API process that may open few files."""
    with attacked(shared, tmp_path_factory.mktemp("attacked")) as fleet:
        fleet.under = ("prlimit", f"--nofile={FILES}")
        yield fleet.api()


@pytest.fixture(scope="module")
def roomy(shared: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """An API process that may open many."""
    with attacked(shared, tmp_path_factory.mktemp("left")) as fleet:
        yield fleet.api()


@pytest.fixture
def wire(process: Api, north: Office) -> Wire:
    """What is sent to it."""
    return Wire(f"127.0.0.1:{process.port}", north)


def connected(process: Api) -> socket.socket:
    """A connection to it."""
    return socket.create_connection(("127.0.0.1", process.port), PATIENCE)


def status_of(made: socket.socket) -> int:
    """The status that is answered next; 0 where the connection just ended."""
    try:
        line = made.recv(12)
    except ConnectionError:
        return 0
    return int(line[9:12] or b"0")


def slowest_answer(process: Api, wire: Wire, times: int = 5) -> float:
    """Seconds that the slowest of some probes took, each on a connection of its own."""
    slowest = 0.0
    for _ in range(times):
        started = time.monotonic()
        with connected(process) as made:
            made.sendall(wire.request("GET", "/health", Connection="close"))
            assert status_of(made) == 200
        slowest = max(slowest, time.monotonic() - started)
    return slowest


def test_no_attack_keeps_anybody_waiting(process: Api, wire: Wire) -> None:
    late: dict[str, float] = {}
    broken: dict[str, set[int]] = {}
    for name, attack in wire.all().items():
        with ExitStack() as open_ones:
            crowd = [open_ones.enter_context(connected(process)) for _ in range(CROWD)]
            for one in crowd:
                with suppress(ConnectionError):  # refused before it is sent
                    one.sendall(attack)
            late[name] = slowest_answer(process, wire)
            statuses = {status_of(one) for one in crowd}
        if any(status >= 500 for status in statuses):
            broken[name] = statuses
    assert not broken
    assert {name: seconds for name, seconds in late.items() if seconds > soon()} == {}


#: Sent so many times, each on a connection that is reset at once.
LEAVING: Final = 500


async def much_to_do(office: Office) -> None:
    """Give alice tasks that take a while to read."""
    await office.world.tasks(*[{"customer": office.customer}] * 200)


def ask_and_leave(process: Api, request: bytes) -> None:
    """Send it and reset the connection."""
    with connected(process) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.sendall(request)


@pytest.mark.parametrize("route", ["/api/v1/sync/watermelon/pull", "/tasks", "/s/{token}"])
def test_those_that_leave_keep_nobody_waiting(
    roomy: Api, shared: TestDatabase, north: Office, south: Office, route: str
) -> None:
    wire = Wire(f"127.0.0.1:{roomy.port}", north)
    request = {
        "/api/v1/sync/watermelon/pull": wire.request("GET", route, **north.device),
        "/tasks": wire.request("GET", route, Accept="text/html", Cookie=signed_in(roomy, wire)),
        "/s/{token}": wire.request("GET", f"/s/{'x' * 51}", Accept="text/html"),
    }[route]
    in_database(shared.api, partial(much_to_do, north))
    another = wire.request("GET", "/api/v1/sync/me", Connection="close", **south.device)
    with connected(roomy) as made:
        made.sendall(another)  # what a process does once is done
        assert status_of(made) == 200
    with connected(roomy) as made:
        made.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert status_of(made) in {200, 404}
    for _ in range(LEAVING):
        ask_and_leave(roomy, request)
    started = time.monotonic()
    with connected(roomy) as made:
        made.sendall(another)
        late = slowest_answer(roomy, wire, 1)
        assert status_of(made) == 200
    assert max(late, time.monotonic() - started) < soon()
    served = roomy.log().count(f'"route": "{route}", "status": ')
    assert served < LEAVING / 4  # most resets are seen in time
    assert '"failed"' not in roomy.log()
    assert "Traceback" not in roomy.log()


def signed_in(process: Api, wire: Wire) -> str:
    """The cookies of a dispatcher."""
    form = urlencode({"email": wire.office.address("dispatcher"), "password": PASSWORD}).encode()
    with connected(process) as made:
        made.sendall(wire.post("/login", FORM, form, Connection="close"))
        head = made.recv(65_536).decode()
    return "; ".join(re.findall(r"(?i)set-cookie: ([^;]*)", head))


STICKING: Final = ("connects", "half a head", "half a body", "drips", "never reads")


def stick(process: Api, wire: Wire, kind: str) -> socket.socket:
    """A connection that wants to stay for ever."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(PATIENCE)
    made.connect(("127.0.0.1", process.port))
    whole = wire.request("GET", "/api/openapi.json")
    body = wire.push("application/json", b" " * 900_000)
    sent = {
        "connects": b"",
        "half a head": whole[:-10],
        "half a body": body[:100_000],
        "drips": body[:1000],
        "never reads": whole * 20,
    }
    with suppress(ConnectionError):
        made.sendall(sent[kind])
    return made


def test_two_hundred_that_stay_leave_a_place(process: Api, wire: Wire) -> None:
    with ExitStack() as open_ones:
        stuck = []
        for number in range(STUCK):
            kind = STICKING[number % len(STICKING)]
            stuck.append(open_ones.enter_context(stick(process, wire, kind)))
            if number % 20 == 19:
                assert slowest_answer(process, wire, 1) < soon()
        for one in stuck[STICKING.index("drips") :: len(STICKING)]:
            with suppress(ConnectionError):
                one.sendall(b" ")
        assert slowest_answer(process, wire) < soon()
        with connected(process) as made:
            made.sendall(wire.request("GET", "/login", Accept="text/html", Connection="close"))
            assert status_of(made) == 200
        assert len(list(Path(f"/proc/{process.process.pid}/fd").iterdir())) < FILES
    assert "connections_full" in process.log()
    assert "Too many open files" not in process.log()


def resident(process: Api) -> int:
    """Bytes of memory that the process has."""
    pages = int(Path(f"/proc/{process.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def send_many(process: Api, wire: Wire, first: int, count: int) -> None:
    """So many different requests, a few hundred on a connection."""
    long = "x" * 7000
    for start in range(first, first + count, 250):
        requests = []
        for number in range(start, start + 250):
            told = f"{number}{long}"
            requests += [
                wire.request("GET", f"/login?q={told}", Accept="text/html"),
                wire.request("GET", f"/s/{told}", Cookie=f"a={told}"),
                wire.request("GET", f"/api/v1/units?x={told}", **wire.office.program),
                wire.post("/login", "text/plain", b"x", Connection="keep-alive"),
            ][number % 4 : number % 4 + 1]
        with connected(process) as made:
            for request in requests:
                made.sendall(request)
                receive(made)


def receive(made: socket.socket) -> None:
    """One whole answer."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += made.recv(65_536)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head[9:12]) < 500
    length = next(
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += made.recv(65_536)


def test_thousands_of_different_requests_leave_no_memory_behind(process: Api, wire: Wire) -> None:
    send_many(process, wire, 0, 1000)
    before = resident(process)
    send_many(process, wire, 1000, 4000)  # 28 MB, were they kept
    grown = resident(process) - before
    assert grown < 12 * MEBIBYTE
    assert slowest_answer(process, wire) < soon()
