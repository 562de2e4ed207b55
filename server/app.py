"""The application: routes, limits and errors put together, with the database open while it runs."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar
from litestar._asgi.routing_trie import traversal
from litestar.datastructures import State

from mail.worker.jobs import Ring
from server.access.client_address import Peers
from server.access.guards import check_guards
from server.api import ROUTES as API
from server.http.middleware import guarded
from server.http.problem_details import answer_error
from server.live.poller import Live
from server.openapi.pages import ROUTES as DOCS
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
    `mailbox`: what the console shows of it. Handlers find their `Services` by `services`. Close
    its `live` before the server waits for its connections, or streams make it wait.
    """
    live = Live()
    peers = Peers(settings.trusted_proxies)
    app = Litestar(
        route_handlers=[*API, *DOCS, *PAGES, *TECHNICIAN],
        exception_handlers={Exception: answer_error},
        lifespan=[_database(api_dsn, settings.pool_size, live)],
        logging_config=None,
        openapi_config=None,
        state=State({"services": Services(settings, ring, live, peers, mailbox)}),
        request_max_body_size=None,
    )
    check_guards(app.routes)
    _forget_paths(app)
    app.asgi_handler = guarded(app.asgi_router, settings, peers)
    return app


def _forget_paths(app: Litestar) -> None:
    """Have the router keep no paths: it would hold the last 1,024, of any length and with tokens.

    What it keeps of queries, cookies and forms stays empty: `server.http.middleware` reads those.
    """
    app.asgi_router.handle_routing = app.asgi_router._handle_routing  # type: ignore[assignment]  # noqa: SLF001 - the same function without its cache
    traversal.parse_path_params = inspect.unwrap(traversal.parse_path_params)


def _database(
    dsn: str, size: int, live: Live
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def opened(_: Litestar) -> AsyncIterator[None]:
        await DB.open(dsn, size=size)
        try:
            yield
        finally:
            await live.closed()
            await DB.close()

    return opened
