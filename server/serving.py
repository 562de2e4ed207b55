"""How an API process listens: uvicorn with what Retour relies on spelt out."""

from typing import Final

import uvicorn
from litestar import Litestar

#: Seconds that requests under way get when the process is told to stop.
GRACE: Final = 10


def http_server(app: Litestar, *, host: str = "127.0.0.1", port: int = 0) -> uvicorn.Server:
    """A server for `app`; `await serve()` it, or `serve(sockets=[...])` with a bound socket.

    uvicorn itself would believe X-Forwarded-For from loopback and log paths, which carry tokens:
    `server.throttle` reads the one under the settings, `server.middleware.log` writes the other.
    """
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="httptools",
            loop="uvloop",
            ws="none",
            lifespan="on",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_graceful_shutdown=GRACE,
        )
    )
