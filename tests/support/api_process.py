"""A real API process for tests: uvicorn with a loop of its own in a thread."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import msgspec
from litestar import Litestar

from mail.worker.jobs import Job
from server.app import create_app
from server.runtime.processes import WebServer
from server.services import Services
from tests.support.databases import TestDatabase

#: Seconds in which a server has started or stopped.
PATIENCE = 20.0
#: A connection that rested is not used again shortly before the server ends it, after five seconds.
BRIEF = httpx.Limits(keepalive_expiry=2)


class Served(msgspec.Struct, frozen=True):
    """A listening API: its database, its address, a client, its application and what it rang."""

    database: TestDatabase
    base_url: str
    client: httpx.Client
    app: Litestar
    rung: list[Job]

    @property
    def services(self) -> Services:
        """What its handlers use."""
        found: Services = self.app.state.services
        return found


@contextmanager
def served(database: TestDatabase, **settings: object) -> Iterator[Served]:
    """Serve the API over `database` at a free port until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    rung: list[Job] = []
    app = create_app(
        database.settings(**({"origin": origin} | settings)), database.api, rung.append
    )
    server = WebServer(app, lambda: None)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        _wait_until_started(server, thread)
        with httpx.Client(base_url=origin, timeout=PATIENCE, limits=BRIEF) as client:
            yield Served(database, origin, client, app, rung)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        listening.close()
    assert not thread.is_alive(), "the server did not stop"


def _wait_until_started(server: WebServer, thread: threading.Thread) -> None:
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        assert thread.is_alive(), "the server stopped at its start"
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
