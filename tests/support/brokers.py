"""The brokers of this machine, with queues of the test's own that are gone afterwards."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pika  # type: ignore[import-untyped]  # it comes without types
import pytest
import redis

from mail.worker.broker import queue_name
from mail.worker.jobs import Job
from tests.support.processes import answers

RABBITMQ: Final = "amqp://guest:guest@127.0.0.1:5672"
REDIS: Final = "redis://127.0.0.1:6379/0"
BROKERS: Final = ("RabbitMQ", "Redis")


@contextmanager
def shared_broker(name: str) -> Iterator[dict[str, Any]]:
    """Settings of processes that share the broker `name`; skips the test where it is missing."""
    url, port = {"RabbitMQ": (RABBITMQ, 5672), "Redis": (REDIS, 6379)}[name]
    if not answers(port):
        missing(f"{name} does not answer on port {port}")
    settings = {"broker_url": url, "namespace": f"test-{secrets.token_hex(6)}"}
    try:
        yield settings
    finally:
        forget(settings)


def forget(settings: dict[str, Any]) -> None:
    """Delete the queues of `settings`, with all that is in them."""
    forgetting = _forget_redis if settings["broker_url"] == REDIS else _forget_rabbitmq
    forgetting(settings["namespace"])


def missing(what: str) -> None:
    """Skip the test, or fail it where nothing may be skipped."""
    if os.environ.get("RETOUR_TEST_ALL") == "1":
        pytest.fail(what)
    pytest.skip(what)


def _forget_redis(namespace: str) -> None:
    with redis.Redis.from_url(REDIS) as client:
        for key in client.scan_iter(f"{namespace}*"):
            client.delete(key)


def _forget_rabbitmq(namespace: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(RABBITMQ))
    channel = connection.channel()
    for name in Job:
        for suffix in ("", ".DQ", ".XQ"):  # dramatiq's queues of delayed and of dead messages
            channel.queue_delete(queue_name(namespace, name) + suffix)
    connection.close()
