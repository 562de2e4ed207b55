"""Pages for people: the console, the answer page, the mailbox."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

#: What `server.app` routes, beside the API.
ROUTES: Sequence[ControllerRouterHandler] = ()
