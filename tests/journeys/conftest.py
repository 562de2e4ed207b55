"""What the journeys share."""

from collections.abc import Iterator

import pytest

from tests.support.smtp_sink import Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    """An SMTP server that listens."""
    with Sink() as listening:
        yield listening
