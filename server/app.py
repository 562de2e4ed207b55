"""The ASGI application: routes, middleware, error answers, and the database while it runs."""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar._asgi.routing_trie import traversal
from litestar.datastructures import State
from litestar.types import ASGIApp

from mail.worker.jobs import Ring
from server.access.client_address import Peers
from server.access.guards import check_guards
from server.api import ROUTES as API
from server.http.middleware.answers import answer_errors, finish_answers, log_requests
from server.http.middleware.body import read_bodies
from server.http.middleware.fair_queue import FairQueue, queue_requests
from server.http.middleware.heads import Hosts, check_heads, read_heads
from server.http.problem_details import answer_error
from server.live.poller import Live
from server.openapi.routes import ROUTES as DOCS
from server.pages import ROUTES as PAGES
from server.runtime.mailbox import Mailbox
from server.services import Services
from server.settings import Settings
from server.technician import ROUTES as TECHNICIAN
from sync.database import DB


def create_app(
    settings: Settings, api_dsn: str, ring: Ring, mailbox: Mailbox | None = None
) -> Litestar:
    """The ASGI application of one API process.

    `api_dsn`: the database's address with the API's rights; its pool is open while the app runs.
    `mailbox`: the one that the console shows, if there is one. Handlers read their `Services` by
    `services`. Close its `live` before the server waits for open connections, which may be streams.
    """
    live = Live()
    peers = Peers(settings.trusted_proxies)

    @asynccontextmanager
    async def database(_: Litestar) -> AsyncIterator[None]:
        await DB.open(api_dsn, size=settings.pool_size)
        try:
            yield
        finally:
            await live.closed()
            await DB.close()

    app = Litestar(
        route_handlers=[*API, *DOCS, *PAGES, *TECHNICIAN],
        exception_handlers={Exception: answer_error},
        lifespan=[database],
        logging_config=None,
        openapi_config=None,
        state=State({"services": Services(settings, ring, live, peers, mailbox)}),
        request_max_body_size=None,
    )
    check_guards(app.routes)
    # Without the router's caches of the last 1,024 paths, which may be long and contain tokens. Its
    # caches of queries, cookies and forms stay empty: `server.http.middleware` reads those itself.
    app.asgi_router.handle_routing = app.asgi_router._handle_routing  # type: ignore[assignment]  # noqa: SLF001 - the same function without its cache
    traversal.parse_path_params = inspect.unwrap(traversal.parse_path_params)
    app.asgi_handler = _guarded(app.asgi_router, settings, peers)
    return app


def _guarded(app: ASGIApp, settings: Settings, peers: Peers) -> ASGIApp:
    """`app` behind all middleware, from the log, the outermost, to the queue."""
    hosts = Hosts.of(settings.origin, settings.hosts)
    # Errors of `app` are answered inside the queue, for an error page looks up its reader.
    queued = queue_requests(answer_errors(app), FairQueue(settings.pool_size), peers)
    checked = answer_errors(read_heads(check_heads(read_bodies(queued), hosts), peers))
    secure = settings.origin.startswith("https:")
    return log_requests(finish_answers(checked, secure=secure))
