"""Processes whose broker is away say so once, in words, and go on trying."""

import json
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.databases import SECRET, TestDatabase
from tests.support.processes import Fleet, Retour, until

pytestmark = pytest.mark.slow

#: Threads of a worker that each connect to the broker: three queues and their delayed twins.
CONSUMERS = 6


class Dead:
    """What listens where a broker should and hangs up at once."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listening.getsockname()[1])
        self.calls = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                called, _ = self.listening.accept()
            except OSError:
                return
            called.close()
            self.calls += 1

    def close(self) -> None:
        """Stop to listen."""
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(10)


@pytest.fixture
def dead() -> Iterator[Dead]:
    """A broker that is away."""
    made = Dead()
    yield made
    made.close()


@pytest.fixture
def fleet(database: TestDatabase, tmp_path: Path) -> Iterator[Fleet]:
    """Processes on the test's database."""
    settings = {"database_url": database.owner, "secret": SECRET, "testing": "true"}
    with Fleet(tmp_path, **settings) as made:
        yield made


def told(process: Retour) -> list[str]:
    """The lines of the log that speak of the broker."""
    events = [json.loads(line)["event"] for line in process.log().splitlines()]
    return [event for event in events if "broker" in event or "onsum" in event]


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_worker_says_once_that_the_broker_is_away_and_goes_on_trying(
    fleet: Fleet, dead: Dead, scheme: str
) -> None:
    worker = fleet.worker(broker_url=f"{scheme}://guest:sesame@127.0.0.1:{dead.port}")
    until(lambda: dead.calls >= 4 * CONSUMERS, "each consumer has tried again")
    [said] = told(worker)
    assert said.startswith("broker unreachable, trying again: ")
    assert "sesame" not in worker.log()
    assert "Traceback" not in worker.log()
    assert worker.end() == 0


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_clock_and_an_api_say_at_their_start_that_the_broker_is_away(
    fleet: Fleet, dead: Dead, scheme: str
) -> None:
    url = f"{scheme}://guest:sesame@127.0.0.1:{dead.port}"
    for process in (fleet.clock(broker_url=url), fleet.api(broker_url=url)):
        assert until(partial(told, process), "it says so") == ["broker unreachable"]
        assert "sesame" not in process.log()
        assert "Traceback" not in process.log()
        assert process.runs
