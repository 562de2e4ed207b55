"""The record of security events: who by id, from which peer, and no secret."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.access.rate_limit import PER_PERSON_AND_PEER
from server.access.security_log import NAME
from server.runtime.logs import REFUSALS_A_MINUTE, FewRefusals, security_of_command
from sync.ids import locator
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase, clone
from tests.support.office import PASSWORD, Office, open_office
from tests.support.signing_in import SESSIONS, shift_clock, sign_in

pytestmark = pytest.mark.slow

PEER = "192.0.2.7"


class Recorded:
    """An office behind a proxy, and what was recorded since it was last asked."""

    def __init__(self, database: TestDatabase, api: Served, office: Office, file: Path) -> None:
        self.database, self.api, self.office = database, api, office
        self._file, self._read = file, 0
        api.client.headers["X-Forwarded-For"] = PEER

    def lines(self) -> list[dict[str, Any]]:
        """The lines that came, without what all have."""
        text = self._file.read_text()
        fresh, self._read = text[self._read :], len(text)
        lines = [json.loads(line) for line in fresh.splitlines()]
        assert all(line.pop("logger") == NAME and line.pop("timestamp") for line in lines)
        assert all(line.pop("peer") == PEER for line in lines)
        assert {line.get("account", self.account) for line in lines} <= {self.account}
        return [{key: one[key] for key in one if key not in {"level", "account"}} for one in lines]

    @property
    def account(self) -> str:
        """As the lines name it."""
        return locator(self.office.world.account)

    def id_of(self, role: str) -> str:
        """A person's id."""
        return str(self.office.people[role])


@pytest.fixture(scope="module")
def recorded(
    template: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Recorded]:
    """A record that nothing else writes to."""
    file = tmp_path_factory.mktemp("record") / "security.log"
    with (
        clone(template) as made,
        security_of_command(file),
        served(made, trusted_proxies="127.0.0.1") as api,
    ):
        yield Recorded(made, api, open_office(made), file)


def test_coming_and_going_and_guessing_are_recorded(recorded: Recorded) -> None:
    client, office = recorded.api.client, recorded.office
    manager = recorded.id_of("manager")
    sign_in(client, office.address("manager"))
    client.delete(SESSIONS)
    client.delete(SESSIONS)
    assert recorded.lines() == [
        {"event": "signed_in", "user": manager},
        {"event": "signed_out", "user": manager},
    ]
    sign_in(client, "nobody@example.org", "wrong")
    sign_in(client, office.address("technician"))
    assert recorded.lines() == [
        {"event": "sign_in_refused", "users": []},
        {
            "event": "sign_in_refused",
            "users": [f"{recorded.account}/{recorded.id_of('technician')}"],
        },
    ]
    client.cookies.clear()
    for _ in range(PER_PERSON_AND_PEER.burst + 1):
        sign_in(client, office.address("dispatcher"), "wrong")
    *refused, throttled = recorded.lines()
    users = [f"{recorded.account}/{recorded.id_of('dispatcher')}"]
    assert refused == [{"event": "sign_in_refused", "users": users}] * PER_PERSON_AND_PEER.burst
    assert throttled == {"event": "sign_in_throttled", "users": users}


def test_passwords_and_tokens_are_recorded(recorded: Recorded) -> None:
    client, office = recorded.api.client, recorded.office
    client.cookies.clear()
    sign_in(client, office.address("administrator"))
    boss = recorded.id_of("administrator")
    made = client.post("/api/v1/tokens", json={"name": "ERP", "days": 1}).json()
    bearer = {"Authorization": f"Bearer {made['token']}"}
    with httpx.Client(base_url=recorded.api.base_url, headers=bearer, timeout=20) as program:
        program.headers["X-Forwarded-For"] = PEER
        for _ in range(2):
            program.get("/api/v1/me")
        path = f"/api/v1/users/{recorded.id_of('manager')}/password"
        assert program.post(path, json={"password": PASSWORD}).status_code == 204
        shift_clock(recorded.database.owner, timedelta(days=1, minutes=1))
        assert program.get("/api/v1/me").status_code == 401
        shift_clock(recorded.database.owner, timedelta(0))
    client.delete(f"/api/v1/tokens/{made['id']}")
    gone = {"id": recorded.id_of("manager"), "active": False}
    assert client.post("/api/v1/users", json=gone).status_code == 201
    lines = recorded.lines()
    ends = lines[1].pop("expires_at")
    assert ends[:19] == made["expires_at"][:19].replace("T", " ")
    assert lines == [
        {"event": "signed_in", "user": boss},
        {"event": "token_made", "token": made["id"], "by": boss},
        {"event": "token_first_used", "token": made["id"]},
        {
            "event": "password_changed",
            "user": recorded.id_of("manager"),
            "by": f"token {made['id']}",
        },
        {"event": "token_expired", "token": made["id"]},
        {"event": "token_revoked", "token": made["id"], "by": boss},
        {"event": "user_shut_out", "user": recorded.id_of("manager"), "by": boss},
    ]


def test_the_life_of_a_device_is_recorded(recorded: Recorded) -> None:
    client, office = recorded.api.client, recorded.office
    client.cookies.clear()
    sign_in(client, office.address("administrator"))
    boss, technician = recorded.id_of("administrator"), recorded.id_of("technician")
    code = client.post("/api/v1/devices/codes", json={"user": technician}).json()["code"]
    page = client.post(f"/devices/enrol/{technician}", headers={"Origin": recorded.api.base_url})
    assert page.status_code == 303
    enrol = {"code": code, "name": "x"}
    device = client.post("/api/v1/devices/enrol", json=enrol).json()["device"]
    assert client.post("/api/v1/devices/enrol", json=enrol).status_code == 400
    client.post(f"/api/v1/devices/{device}/revoke")
    client.post(f"/devices/{device}/revoke", headers={"Origin": recorded.api.base_url})
    assert recorded.lines() == [
        {"event": "signed_in", "user": boss},
        {"event": "code_issued", "user": technician, "by": boss},
        {"event": "code_issued", "user": technician, "by": boss},
        {"event": "device_enrolled", "device": device},
        {"event": "code_refused"},
        {"event": "device_revoked", "device": device, "by": boss},
        {"event": "device_revoked", "device": device, "by": boss},
    ]


def a_line(level: int, moment: float) -> logging.LogRecord:
    """A line of the record, written at `moment` (seconds)."""
    record = logging.LogRecord(NAME, level, "", 0, "event", None, None)
    record.created = moment
    return record


@pytest.fixture
def passes() -> Callable[[int, float], bool]:
    """Whether a line of a level, at a moment, is written."""
    few = FewRefusals()
    return lambda level, moment: bool(few.filter(a_line(level, moment)))


def test_who_guesses_for_hours_rotates_nothing_away(passes: Callable[[int, float], bool]) -> None:
    hours = 2 * 60 * 60
    written = sum(passes(logging.WARNING, second / 10) for second in range(10 * hours))
    assert written == REFUSALS_A_MINUTE * hours / 60
    assert all(passes(logging.INFO, hours) for _ in range(1000))


def test_how_many_refusals_were_left_out_is_said_by_the_next_one() -> None:
    few = FewRefusals()
    assert sum(bool(few.filter(a_line(logging.WARNING, 0))) for _ in range(100)) == 60
    next_one = a_line(logging.WARNING, 61)
    assert few.filter(next_one)
    assert vars(next_one)["left_out"] == 100 - REFUSALS_A_MINUTE
    assert few.filter(a_line(logging.WARNING, 62))
