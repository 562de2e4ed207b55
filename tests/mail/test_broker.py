"""The doorbell: it never makes anybody wait, and a broker that is away is no trouble."""

import contextlib
import socket
import threading
from typing import Any

import pytest
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from structlog.testing import capture_logs

from mail.worker.broker import BrokerUrlError, Doorbell, make_broker
from mail.worker.jobs import Job


class Watched(StubBroker):
    """Says what was enqueued; `gate` holds every message, `away` refuses it."""

    def __init__(self) -> None:
        super().__init__(middleware=[])
        self.gate, self.reached = threading.Event(), threading.Event()
        self.gate.set()
        self.away = False
        self.taken: list[str] = []

    def enqueue(self, message: Any, *, delay: int | None = None) -> Any:
        self.reached.set()
        self.gate.wait(10)
        if self.away:
            raise ConnectionRefusedError("no broker")
        self.taken.append(message.queue_name)
        return super().enqueue(message, delay=delay)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("memory://", StubBroker),
        ("amqp://guest:guest@127.0.0.1:5672", RabbitmqBroker),
        ("amqps://guest:guest@127.0.0.1:5671", RabbitmqBroker),
        ("redis://127.0.0.1:6379/0", RedisBroker),
    ],
)
def test_the_url_chooses_the_broker(url: str, kind: type) -> None:
    assert isinstance(make_broker(url), kind)


def test_another_url_is_refused() -> None:
    with pytest.raises(BrokerUrlError):
        make_broker("kafka://127.0.0.1")


def test_rings_while_the_broker_is_busy_become_one() -> None:
    broker = Watched()
    broker.gate.clear()
    doorbell = Doorbell(broker, "mine")
    doorbell.ring(Job.PLAN)
    assert broker.reached.wait(10)
    for _ in range(100):
        doorbell.ring(Job.PLAN)
        doorbell.ring(Job.DELIVER)
    broker.gate.set()
    doorbell.stop()
    assert broker.taken == ["mine.plan", "mine.deliver", "mine.plan"]


def test_a_broker_that_is_away_is_told_once_and_the_next_ring_tries_again() -> None:
    broker = Watched()
    doorbell = Doorbell(broker)
    broker.away = True
    with capture_logs() as logs:
        for _ in range(3):
            broker.reached.clear()
            doorbell.ring(Job.PLAN)
            assert broker.reached.wait(10)
        broker.away = False
        doorbell.ring(Job.ROLLUP)
        doorbell.stop()
    assert [entry["event"] for entry in logs] == ["broker unreachable", "broker reachable again"]
    assert broker.taken[-1] == "retour.rollup"


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_ringing_a_broker_that_hangs_up_is_tried_and_told_and_raises_nothing(scheme: str) -> None:
    called = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening, capture_logs() as logs:
        hanging_up = threading.Thread(target=hang_up, args=(listening, called), daemon=True)
        hanging_up.start()
        doorbell = Doorbell(make_broker(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"))
        doorbell.ring(Job.PLAN)
        assert called.wait(10)
        listening.shutdown(socket.SHUT_RDWR)  # from now on it does not exist at all
        doorbell.stop(timeout=30)
    hanging_up.join(10)
    assert [entry["event"] for entry in logs] == ["broker unreachable"]
    assert logs[0]["what"]


def hang_up(listening: socket.socket, called: threading.Event) -> None:
    """Close every connection to `listening` at once."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            connection.close()
            called.set()
