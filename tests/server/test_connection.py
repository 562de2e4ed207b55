"""Clients that never finish the head of a request, and those who take their time."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import parse_headers

import pytest

from server.connection import LARGEST_HEAD, Connection
from tests.server.serving import Served

PATIENCE = 10


@contextmanager
def connected(api: Served) -> Iterator[tuple[socket.socket, bytes]]:
    """A connection, and the start of a request on it."""
    host = api.base_url.removeprefix("http://")
    with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), PATIENCE) as made:
        yield made, f"GET /health HTTP/1.1\r\nHost: {host}\r\n".encode()


def first_line(made: socket.socket) -> bytes:
    """The status line of the next answer, read whole; empty when the server hung up."""
    with made.makefile("rb") as answer:
        line = answer.readline()
        if line:
            answer.read(int(parse_headers(answer)["content-length"]))
    return line.rstrip()


def taken(made: socket.socket, piece: bytes, most: int, pause: float = 0.002) -> int:
    """How often the server takes `piece` before it hangs up."""
    for count in range(most):
        try:
            made.sendall(piece)
        except ConnectionError:
            return count
        time.sleep(pause)
    return most


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with little patience."""
    monkeypatch.setattr(Connection, "deadline", 0.5)


def test_an_endless_header_is_refused(api: Served) -> None:
    with connected(api) as (made, start):
        made.sendall(start + b"X: ")
        assert taken(made, b"a" * 8192, 1000) < 200


def test_headers_without_end_are_refused(api: Served) -> None:
    with connected(api) as (made, start):
        made.sendall(start)
        assert taken(made, b"X: y\r\n" * 1000, 1000) < 200


def test_a_large_head_that_ends_is_answered(api: Served) -> None:
    with connected(api) as (made, start):
        made.sendall(start)
        for _ in range(3):
            made.sendall(b"X: " + b"a" * (LARGEST_HEAD // 4) + b"\r\n")
            time.sleep(0.01)
        made.sendall(b"\r\n")
        assert first_line(made) == b"HTTP/1.1 200 OK"


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("sent", [b"", b"GET", b"\r\n", b"GET /health HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_does_not_end_is_not_waited_for(api: Served, sent: bytes) -> None:
    with connected(api) as (made, _):
        made.sendall(sent)
        assert first_line(made) == b""


@pytest.mark.usefixtures("hasty")
def test_a_head_in_drops_is_not_waited_for(api: Served) -> None:
    with connected(api) as (made, start):
        made.sendall(start + b"X: ")
        assert taken(made, b"a", 200, pause=0.05) < 100


def test_a_connection_may_rest_between_two_requests(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "deadline", 2.5)
    with connected(api) as (made, start):
        for pause in (0.0, 3.0):
            time.sleep(pause)
            made.sendall(start[:9])
            time.sleep(0.1)
            made.sendall(start[9:] + b"\r\n")
            assert first_line(made) == b"HTTP/1.1 200 OK"


def test_requests_sent_together_are_all_answered(api: Served) -> None:
    with connected(api) as (made, start):
        made.sendall((start + b"\r\n") * 3 + start + b"Connection: close\r\n\r\n")
        answers = b"".join(iter(lambda: made.recv(65_536), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 4
