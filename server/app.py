"""The application: routes, limits and errors put together, with the database open while it runs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from litestar import Litestar
from litestar.datastructures import State

from server.answers import answer_error
from server.api import ROUTES as API
from server.api.docs import ROUTES as DOCS
from server.live import Live
from server.middleware import guarded
from server.pages import ROUTES as PAGES
from server.settings import Settings
from server.technician import ROUTES as TECHNICIAN
from sync.database import DB


def create_app(settings: Settings, api_dsn: str, ring: Callable[[str], None]) -> Litestar:
    """The ASGI application of one API process.

    `api_dsn`: the database's address with the API's rights; its pool is open while the app runs.
    `ring`: told "plan" or "rollup" after a commit; must neither block nor raise.
    Handlers find `settings`, `ring` and `live` in `request.app.state`. Close `live` before the
    server waits for its connections, or streams make it wait.
    """
    live = Live()
    app = Litestar(
        route_handlers=[*API, *DOCS, *PAGES, *TECHNICIAN],
        exception_handlers={Exception: answer_error},
        lifespan=[_database(api_dsn, settings.pool_size, live)],
        logging_config=None,
        openapi_config=None,
        state=State({"settings": settings, "ring": ring, "live": live}),
        request_max_body_size=None,
    )
    app.asgi_handler = guarded(app.asgi_router, settings)
    return app


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
