"""The brokers of this machine, with queues of the test's own."""

import os
import secrets
from typing import Final

import pytest

from tests.faults.processes import answers

BROKERS: Final = {
    "RabbitMQ": ("amqp://guest:guest@127.0.0.1:5672", 5672),
    "Redis": ("redis://127.0.0.1:6379/0", 6379),
}


def broker_settings(name: str) -> dict[str, object]:
    """Settings of processes that share the broker `name`; skips the test where it is missing."""
    url, port = BROKERS[name]
    if not answers(port):
        missing(f"{name} does not answer on port {port}")
    return {"broker_url": url, "namespace": f"test-{secrets.token_hex(6)}"}


def missing(what: str) -> None:
    """Skip the test, or fail it where nothing may be skipped."""
    if os.environ.get("RETOUR_TEST_ALL") == "1":
        pytest.fail(what)
    pytest.skip(what)
