"""A Redis that was demoted only reads: rings go to the one that writes, and consumers follow."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from mail.worker.broker import Doorbell, close_broker, make_broker, queue_name
from mail.worker.jobs import Job
from tests.support.brokers import missing
from tests.support.processes import free_port, until
from tests.support.silent_network import Cable

NAMESPACE = "failing-over"
QUEUE = queue_name(NAMESPACE, Job.PLAN)


class Server:
    """A Redis of the test's own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"redis://127.0.0.1:{port}/0"
        self.client = redis.Redis.from_url(self.url)

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            return bool(self.client.ping())
        except redis.exceptions.ConnectionError:
            return False

    def rings(self) -> int:
        """How many wait in its queue."""
        return int(self.client.llen(f"{NAMESPACE}:{QUEUE}"))


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """A server that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        missing("Redis is not installed")
    made = Server(free_port())
    process = subprocess.Popen(
        [program or "", "--port", str(made.port), "--bind", "127.0.0.1", "--save", ""],
        stdout=subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        until(made.answers, "Redis answers")
        yield made
    finally:
        made.client.close()
        process.terminate()
        process.wait(30)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Two of them."""
    with ExitStack() as both:
        yield both.enter_context(running(tmp_path)), both.enter_context(running(tmp_path))


def test_rings_follow_the_redis_that_writes(servers: tuple[Server, Server]) -> None:
    first, second = servers
    with Cable(first.url) as cable:
        broker = make_broker(f"redis://127.0.0.1:{cable.port}/0", NAMESPACE)
        doorbell = Doorbell(broker, NAMESPACE)
        doorbell.ring(Job.PLAN)
        until(first.rings, "the first has it")
        consumer = broker.consume(QUEUE, timeout=100)
        assert next(consumer) is not None

        cable.lead_to(second.url)
        first.client.replicaof("127.0.0.1", second.port)
        doorbell.ring(Job.PLAN)
        until(lambda: second.rings() or next(consumer) is not None, "the second has it")
        doorbell.stop()
        close_broker(broker)
