"""What a connection leaves behind that ended, or that rests between two requests."""

import gc
import gzip
import resource
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from server.http.connection import Connection
from server.http.watched_app import WriteDeadline
from tests.server.attacks import Wire
from tests.support.api_process import Served
from tests.support.office import Office

pytestmark = pytest.mark.slow

PATIENCE: Final = 20
MEBIBYTE: Final = 1 << 20
#: Almost as large as a body may be, and refused by its field.
LARGE: Final = b'{"name": "' + b"x" * (MEBIBYTE - 1000) + b'"}'
JSON: Final = "application/json"


@pytest.fixture
def wire(api: Served, north: Office) -> Wire:
    """What is sent."""
    return Wire(api.base_url.removeprefix("http://"), north)


@contextmanager
def connected(api: Served, receive_buffer: int = 0) -> Iterator[socket.socket]:
    """A connection; one whose client takes hardly anything in advance, if so told."""
    with socket.socket() as made:
        if receive_buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.settimeout(PATIENCE)
        made.connect(("127.0.0.1", int(api.base_url.rpartition(":")[2])))
        yield made


def status_of(made: socket.socket) -> int:
    """The status of an answer, which is read whole; 0 where the connection just ended."""
    with made.makefile("rb") as answer:
        line, length = answer.readline(), 0
        while (header := answer.readline().rstrip()) != b"":
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        answer.read(length)
    return int(line[9:12] or b"0")


def customer(wire: Wire, body: bytes, **headers: str) -> bytes:
    """A request to add a customer."""
    told = {"Connection": "keep-alive", **wire.office.program, **headers}
    return wire.post("/api/v1/customers", JSON, body, **told)


def reset(made: socket.socket) -> None:
    """Go away without a farewell."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    made.close()


def alive() -> int:
    """The connections that the server's half of this process holds."""
    return sum(type(one) is Connection for one in gc.get_objects())


def settles_at(most: int) -> bool:
    """Whether soon no more than `most` connections are alive, though nobody collects cycles."""
    deadline = time.monotonic() + PATIENCE
    while alive() > most and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive() <= most


#: A large body may take longer than this hasty server waits.
DONE: Final = {400, 408}


def answered(made: socket.socket, wire: Wire) -> None:
    made.sendall(customer(wire, LARGE))
    assert status_of(made) in DONE


def refused(made: socket.socket, wire: Wire) -> None:
    made.sendall(b"no request\r\n\r\n")
    assert status_of(made) == 400


def refused_for_its_head(made: socket.socket, wire: Wire) -> None:
    made.sendall(wire.request("GET", "/health", Cookie="x" * 20_000))
    assert status_of(made) == 431


def refused_for_its_body(made: socket.socket, wire: Wire) -> None:
    made.sendall(wire.request("POST", "/api/v1/customers", Content_Length="99999999"))
    assert status_of(made) == 413


def offers_an_upgrade(made: socket.socket, wire: Wire) -> None:
    made.sendall(customer(wire, LARGE, Connection="Upgrade", Upgrade="h2c"))
    assert status_of(made) in DONE


def timed_out(made: socket.socket, wire: Wire) -> None:
    made.sendall(b"GET")
    assert made.recv(1) == b""


def half_a_body(made: socket.socket, wire: Wire) -> None:
    made.sendall(customer(wire, LARGE)[:100_000])


def pipelined(made: socket.socket, wire: Wire) -> None:
    made.sendall(wire.request("GET", "/health") * 4)
    assert status_of(made) == 200


def pipelined_and_reset(made: socket.socket, wire: Wire) -> None:
    made.sendall(wire.request("GET", "/api/openapi.json") * 20)
    reset(made)


def never_reads(made: socket.socket, wire: Wire) -> None:
    deadline = time.monotonic() + PATIENCE
    with suppress(ConnectionError):
        made.sendall(wire.request("GET", "/api/openapi.json") * 200)
        while time.monotonic() < deadline:
            made.sendall(b"G")
            time.sleep(0.05)
    assert time.monotonic() < deadline, "still connected"


ENDS: Final = [
    answered,
    refused,
    refused_for_its_head,
    refused_for_its_body,
    offers_an_upgrade,
    timed_out,
    half_a_body,
    pipelined,
    pipelined_and_reset,
    never_reads,
]


@pytest.fixture
def uncollected(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A hasty server that never looks for cycles; how many connections it has."""
    monkeypatch.setattr(Connection, "deadline", 0.5)
    monkeypatch.setattr(Connection, "linger", 0.2)
    monkeypatch.setattr(WriteDeadline, "deadline", 0.5)
    gc.collect()
    gc.disable()
    try:
        yield alive()
    finally:
        gc.enable()


@pytest.mark.parametrize("end", ENDS)
def test_a_connection_that_ended_is_not_held(
    api: Served, wire: Wire, uncollected: int, end: Callable[[socket.socket, Wire], None]
) -> None:
    for _ in range(5):
        with connected(api, receive_buffer=2048 if end is never_reads else 0) as made:
            end(made, wire)
    assert settles_at(uncollected)


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_connections_that_rest_hold_no_body(api: Served, wire: Wire) -> None:
    request = customer(wire, gzip.compress(LARGE), Content_Encoding="gzip")
    with ExitStack() as resting:
        before = 0
        for number in range(120):
            made = resting.enter_context(connected(api))
            made.sendall(request)
            assert status_of(made) == 400
            before = resident() if number == 19 else before
        assert resident() - before < 20 * MEBIBYTE


@pytest.mark.parametrize("end", [pipelined_and_reset, never_reads])
@pytest.mark.usefixtures("uncollected")
def test_a_client_that_is_gone_is_no_error(
    api: Served,
    wire: Wire,
    caplog: pytest.LogCaptureFixture,
    end: Callable[[socket.socket, Wire], None],
) -> None:
    for pause in (0.0, 0.02, 0.1, 0.3):
        with connected(api, receive_buffer=2048) as made:
            made.sendall(wire.request("GET", "/api/openapi.json") * 20)
            time.sleep(pause)  # so far is the server when the client goes
            end(made, wire)
    assert settles_at(0)
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == []
