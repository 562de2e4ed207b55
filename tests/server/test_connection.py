"""Clients that never finish, never read or send too much, and those who take their time."""

import gzip
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import parse_headers

import pytest

from server.http.connection import LARGEST_HEAD, Connection
from server.http.watched_app import WriteDeadline
from tests.support.api_process import Served
from tests.support.office import Office
from tests.support.patience import soon

pytestmark = pytest.mark.slow

PATIENCE = 10
MEBIBYTE = 1 << 20


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


def everything(made: socket.socket) -> bytes:
    """All that is answered until the server hangs up."""
    return b"".join(iter(lambda: made.recv(65_536), b""))


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
    monkeypatch.setattr(Connection, "linger", 0.5)
    monkeypatch.setattr(WriteDeadline, "deadline", 0.5)


# Heads


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("piece", [b"a" * 8192, b"X: y\r\n" * 1000, b"\r\n" * 4000, b"\xff" * 8192])
@pytest.mark.parametrize("line", [b"X: ", b"X: y\r\nCookie: a=\\", b""])
def test_an_endless_head_is_refused(api: Served, line: bytes, piece: bytes) -> None:
    with connected(api) as (made, start):
        made.sendall((start if line else b"") + line)
        assert taken(made, piece, 400, pause=0.01) < 200


@pytest.mark.parametrize("lines", [1, 2, 30])
@pytest.mark.parametrize("pause", [0.0, 0.005], ids=["at once", "in pieces"])
def test_a_head_has_at_most_16_kib(api: Served, lines: int, pause: float) -> None:
    for length, status in ((LARGEST_HEAD - 1100, b"200"), (LARGEST_HEAD + 1100, b"431")):
        with connected(api) as (made, start):
            line = b"X: " + b"a" * (length // lines) + b"\r\n"
            head = start + line * lines + b"\r\n"
            for place in range(0, len(head), 4096 if pause else len(head)):
                made.sendall(head[place : place + (4096 if pause else len(head))])
                time.sleep(pause)
            assert first_line(made).split()[1] == status


def test_a_head_of_200_kib_in_one_piece_is_answered_and_nothing_of_it_parsed(api: Served) -> None:
    cookie = b'Cookie: a="' + b"\\" * 200_000 + b'"\r\n'
    with connected(api) as (made, start):
        started = time.monotonic()
        made.sendall(start + cookie + b"\r\n")
        answer = everything(made)
        assert time.monotonic() - started < soon(5)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in head
    assert b"urn:retour:problem:long_head" in body


def test_a_request_line_of_20_kib_is_refused(api: Served) -> None:
    with connected(api) as (made, start):
        made.sendall(start.replace(b"/health", b"/" + b"x" * 20_000) + b"\r\n")
        assert first_line(made).split()[1] == b"431"


@pytest.mark.parametrize(
    "request_line", [b"no http at all", b"GET / HTTP/9.9", b"CONNECT a:1 HTTP/1.1"]
)
def test_what_is_no_request_gets_a_problem_and_the_end(api: Served, request_line: bytes) -> None:
    with connected(api) as (made, _):
        made.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        answer = everything(made)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"urn:retour:problem:bad_request" in answer


def test_a_bad_request_behind_a_good_one_leaves_that_its_answer(api: Served) -> None:
    with connected(api) as (made, start):
        made.sendall(start + b"\r\n" + b"\x00\x01no request\r\n\r\n")
        answer = everything(made)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") <= 2


def test_a_bad_request_behind_good_ones_leaves_each_its_answer(api: Served) -> None:
    with connected(api) as (made, start):
        made.sendall((start + b"\r\n") * 3 + b"\x00\x01no request\r\n\r\n")
        answers = everything(made)
    assert answers.count(b"HTTP/1.1 200 ") == answers.count(b"HTTP/1.1 ") == 3


def test_a_bad_body_behind_a_good_request_is_no_answer_to_that(api: Served) -> None:
    form = b"email=nobody%40example.org&password=twelve-letters"
    with connected(api) as (made, _):
        first = posting(api, "/login", FORM, f"Content-Length: {len(form)}") + form
        second = posting(api, "/u/x", "Transfer-Encoding: chunked") + b"no size\r\n"
        made.sendall(first + second)
        answers = everything(made)
    assert answers.startswith(b"HTTP/1.1 401 ")


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


@pytest.mark.parametrize("requests", [4, 3000])
def test_requests_sent_together_are_all_answered(api: Served, requests: int) -> None:
    with connected(api) as (made, start):
        made.settimeout(60)
        made.sendall((start + b"\r\n") * (requests - 1) + start + b"Connection: close\r\n\r\n")
        answers = everything(made)
    assert answers.count(b"HTTP/1.1 200 OK") == requests


# Bodies, and answers that do not wait for them


def posting(api: Served, path: str, *lines: str) -> bytes:
    """The head of a POST."""
    host = api.base_url.removeprefix("http://")
    return "\r\n".join([f"POST {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()


JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("path", "lines", "status"),
    [
        ("/api/v1/sessions", [JSON, "Content-Length: 99999999"], b"413"),
        ("/login", [FORM, "Content-Length: 99999"], b"413"),
        ("/login", ["Content-Type: text/plain", "Content-Length: 9999"], b"415"),
        ("/login", [FORM, "Origin: null", "Content-Length: 9999"], b"403"),
        ("/login", [FORM, "Cookie: a=\\", "Content-Length: 9999"], b"400"),
        ("/u/x", ["Content-Length: 9999"], b"404"),
        ("/login", [FORM, "Transfer-Encoding: chunked", "Origin: null"], b"403"),
    ],
)
def test_a_connection_ends_with_an_answer_that_comes_before_its_request_does(
    api: Served, path: str, lines: list[str], status: bytes
) -> None:
    with connected(api) as (made, _):
        made.sendall(posting(api, path, *lines))
        with made.makefile("rb") as answer:
            assert answer.readline().split()[1] == status
            headers = parse_headers(answer)
            assert headers["connection"] == "close"
            assert len(answer.read()) == int(headers["content-length"])
        assert taken(made, b"x", 200, pause=0.05) < 100


def test_who_is_refused_while_sending_reads_the_answer(api: Served) -> None:
    with connected(api) as (made, _):
        made.sendall(posting(api, "/login", FORM, f"Content-Length: {8 * MEBIBYTE}"))
        for _ in range(8):
            made.sendall(b"x" * MEBIBYTE)
        assert first_line(made).split()[1] == b"413"


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "body",
    [
        b"1;" + b"x" * 64 + b"\r\na\r\n",
        b"1\r\na\r\n",
    ],
    ids=["extensions", "drops"],
)
def test_a_body_is_not_mostly_framing(api: Served, body: bytes) -> None:
    with connected(api) as (made, _):
        made.sendall(posting(api, "/api/v1/sessions", JSON, "Transfer-Encoding: chunked"))
        assert taken(made, body * 1000, 400, pause=0.01) < 200


@pytest.mark.usefixtures("hasty")
def test_endless_trailers_are_refused(api: Served) -> None:
    for piece in (b"a" * 8192, b"X: y\r\n" * 1000):
        with connected(api) as (made, _):
            made.sendall(posting(api, "/api/v1/sessions", JSON, "Transfer-Encoding: chunked"))
            made.sendall(b"2\r\n{}\r\n0\r\nX: ")
            assert taken(made, piece, 400, pause=0.01) < 200


def test_trailers_are_no_headers(api: Served, north: Office) -> None:
    credential = f"Authorization: {north.program['Authorization']}\r\n\r\n".encode()
    with connected(api) as (made, _):
        made.sendall(posting(api, "/api/v1/units", JSON, "Transfer-Encoding: chunked"))
        made.sendall(b"2\r\n{}\r\n0\r\n" + credential)
        assert first_line(made).split()[1] == b"401"


@pytest.mark.parametrize("kind", ["gzip", "plain"])
def test_many_large_bodies_at_once_let_others_through(
    api: Served, north: Office, kind: str
) -> None:
    body = b"[" + b'{"a":[]},' * 10_000 + b'"' + b"x" * 900_000 + b'"]'
    lines = [JSON, f"Authorization: {north.program['Authorization']}"]
    if kind == "gzip":
        body = gzip.compress(body)
        lines.append("Content-Encoding: gzip")
    lines.append(f"Content-Length: {len(body)}")
    made = [socket.create_connection(("127.0.0.1", port(api)), 60) for _ in range(40)]
    try:
        for one in made:
            one.sendall(posting(api, "/api/v1/customers", *lines) + body[:-1])
        for one in made:
            one.sendall(body[-1:])
        assert slowest_health(api, 3) < soon()
        assert {first_line(one).split()[1] for one in made} == {b"400"}
    finally:
        for one in made:
            one.close()


def port(api: Served) -> int:
    """Where it listens."""
    return int(api.base_url.rpartition(":")[2])


def slowest_health(api: Served, times: int) -> float:
    """Seconds that the slowest of some probes took, each on a connection of its own."""
    slowest = 0.0
    for _ in range(times):
        started = time.monotonic()
        with connected(api) as (made, start):
            made.sendall(start + b"Connection: close\r\n\r\n")
            assert first_line(made) == b"HTTP/1.1 200 OK"
        slowest = max(slowest, time.monotonic() - started)
    return slowest


# Upgrades


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_the_body_of_a_request_that_offers_an_upgrade_is_read(
    api: Served, north: Office, protocol: str, pause: float
) -> None:
    upgrade = ["Connection: Upgrade, HTTP2-Settings", f"Upgrade: {protocol}", "HTTP2-Settings: AA"]
    authorized = [JSON, f"Authorization: {north.program['Authorization']}"]
    for number, chunked in enumerate((False, True)):
        body = f'{{"name": "{protocol} {pause} {number}"}}'.encode()
        framed_by = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        head = posting(api, "/api/v1/customers", *authorized, *upgrade, framed_by)
        with connected(api) as (made, start):
            made.sendall(head + sent[:9])
            time.sleep(pause)
            made.sendall(sent[9:])
            assert first_line(made).split()[1] == b"201"
            made.sendall(start + "\r\n".join([*upgrade, "", ""]).encode())
            assert first_line(made) == b"HTTP/1.1 200 OK"
            made.sendall((head + sent) * 2 + start + b"Connection: close\r\n\r\n")
            assert everything(made).count(b"HTTP/1.1 2") == 3


@pytest.mark.parametrize("coding", ["0", " ", "gzip", "chunked, gzip"])
def test_an_offered_upgrade_hides_no_body_of_unknown_length(api: Served, coding: str) -> None:
    upgrade = ["Connection: upgrade", "Upgrade: x", f"Transfer-Encoding: {coding}"]
    head = posting(api, "/api/v1/customers", JSON, *upgrade)
    with connected(api) as (made, start):
        made.sendall(head + start + b"Connection: close\r\n\r\n")
        answered = everything(made)
    assert answered.startswith(b"HTTP/1.1 400 ")
    assert answered.count(b"HTTP/1.1 ") == 1, "what follows was read as a request (RFC 9112, 6.3)"


# Clients that do not read


def tiny_reader(api: Served) -> socket.socket:
    """A connection whose client takes hardly anything in advance."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(PATIENCE)
    made.connect(("127.0.0.1", port(api)))
    return made


def large_request(api: Served) -> bytes:
    """A request whose answer is more than a kernel takes."""
    host = api.base_url.removeprefix("http://")
    return f"GET /api/openapi.json HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


@pytest.mark.usefixtures("hasty")
def test_who_never_reads_is_let_go(api: Served) -> None:
    with tiny_reader(api) as made:
        try:
            for _ in range(100):
                made.sendall(large_request(api) * 20)
                time.sleep(0.02)
        except (ConnectionError, TimeoutError):
            pass
        deadline = time.monotonic() + PATIENCE
        while not is_reset(made):
            assert time.monotonic() < deadline, "still connected"
            time.sleep(0.05)


def is_reset(made: socket.socket) -> bool:
    """Whether the other side gave the connection up."""
    state: int = struct.unpack("B", made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1))[0]
    return state not in {1, 4, 5, 8}  # established, or closing with something left to send


@pytest.mark.usefixtures("hasty")
def test_who_reads_slowly_gets_everything(api: Served) -> None:
    whole = len(
        api.client.get("/api/openapi.json", headers={"Accept-Encoding": "identity"}).content
    )
    with tiny_reader(api) as made:
        made.sendall(large_request(api).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = b""
        while piece := made.recv(4096):
            answer += piece
            time.sleep(0.02)
    assert len(answer.partition(b"\r\n\r\n")[2]) == whole
