"""Whose attempts are whose, behind proxies as they really write their header."""

import logging
from collections.abc import Iterator

import httpx
import pytest

from server.access.client_address import read_address
from server.access.rate_limit import PER_PERSON_AND_PEER
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase, clone
from tests.support.signing_in import SESSIONS


@pytest.fixture
def guessed(template: TestDatabase) -> Iterator[TestDatabase]:
    """A database whose throttle a test may fill."""
    with clone(template) as made:
        yield made


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("203.0.113.17", "203.0.113.17"),
        ("203.0.113.17:5555", "203.0.113.17"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:5555", "2001:db8::1"),
        ("::1", "::1"),
        ("::ffff:203.0.113.17", "203.0.113.17"),
        ("[::ffff:203.0.113.17]:80", "203.0.113.17"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("", None),
        ("unknown", None),
        ("203.0.113.17:", None),
        ("203.0.113.17:5555:1", None),
        ("203.0.113", None),
        ("[2001:db8::1", None),
        ("2001:db8::1]:5555", None),
        ("[203.0.113.17", None),
        ("host.example:80", None),
        (":80", None),
    ],
)
def test_an_entry_is_read_with_and_without_port(written: str, read: str | None) -> None:
    address = read_address(written)
    assert (None if address is None else str(address)) == read


def guess(api: Served, forwarded: str) -> int:
    """One wrong password from behind a proxy; the status."""
    return api.client.post(
        SESSIONS,
        json={"email": "a@example.org", "password": "wrong"},
        headers={"X-Forwarded-For": forwarded},
    ).status_code


#: How one client is written, and how the next one would be.
CLIENTS = [
    ("203.0.113.17:5{}", "203.0.113.18:5555"),
    ("[2001:db8::{}]:5555", "[2001:db8:0:1::1]:5555"),
    ("nonsense", "other nonsense"),
]


@pytest.mark.parametrize(("one", "other"), CLIENTS)
def test_no_clients_port_and_no_unreadable_entry_makes_all_of_them_one(
    guessed: TestDatabase, one: str, other: str
) -> None:
    with served(guessed, trusted_proxies="127.0.0.1") as api:
        for number in range(PER_PERSON_AND_PEER.burst):
            assert guess(api, f"192.0.2.7, {one.format(number)}") == 401
        assert guess(api, one.format(99)) == 429
        assert guess(api, other) == 401
        assert guess(api, "192.0.2.7") == 401


def test_a_header_that_is_not_believed_is_warned_of_once(
    guessed: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with served(guessed) as api:
        for _ in range(3):
            httpx.get(f"{api.base_url}/health", headers={"X-Forwarded-For": "192.0.2.7"})
        api.client.get("/health")
    [warning] = [one for one in caplog.records if one.name == "retour.peers"]
    assert warning.levelno == logging.WARNING
    assert "127.0.0.1, which RETOUR_TRUSTED_PROXIES does not name" in warning.getMessage()


@pytest.mark.parametrize(
    ("trusted", "forwarded", "warned"),
    [
        ("127.0.0.1", "192.0.2.7", ""),
        ("127.0.0.1", "nonsense", "no address"),
        ("127.0.0.1", None, "without X-Forwarded-For"),
        ("10.0.0.0/8", "192.0.2.7", "does not name"),
        ("", None, ""),
    ],
)
def test_what_makes_clients_one_is_warned_of_and_nothing_else_is(
    guessed: TestDatabase,
    caplog: pytest.LogCaptureFixture,
    trusted: str,
    forwarded: str | None,
    warned: str,
) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    with served(guessed, trusted_proxies=trusted) as api:
        for _ in range(2):
            body = {"code": "AAAA-AAAA-AAAA-AAAA", "name": "x"}
            api.client.post("/api/v1/devices/enrol", json=body, headers=headers)
    said = [one.getMessage() for one in caplog.records if one.name == "retour.peers"]
    assert len(said) == bool(warned)
    assert warned in "".join(said)
