"""Refuse what another site makes a browser send."""

from typing import Final

from litestar.datastructures import Headers
from litestar.types import ASGIApp, Receive, Scope, Send

from server.http.middleware.hosts import Hosts
from server.http.middleware.query_limits import TOKEN_PAGES
from server.http.problems import CrossOriginError

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: "none" is a request that a person started from the browser itself.
OWN_SITES: Final = frozenset({"same-origin", "none"})


def check_origin(app: ASGIApp, hosts: Hosts) -> ASGIApp:
    """Let writes through unless a header says that they come from elsewhere.

    Absent headers pass: mail providers post the one-click unsubscribe (RFC 8058) without them.
    A program that names its credential and brings no cookie passes too: no browser adds those.
    So does what goes to a customer's link: its token is the whole credential, no browser adds it,
    and privacy settings and mail programs say `null` or their own name.

    :raises CrossOriginError: a foreign Origin or Sec-Fetch-Site.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") not in SAFE_METHODS and not scope["path"].startswith(TOKEN_PAGES):
            _refuse_foreign(Headers.from_scope(scope), hosts)
        await app(scope, receive, send)

    return checked


def _refuse_foreign(headers: Headers, hosts: Hosts) -> None:
    if "authorization" in headers and "cookie" not in headers:
        return
    origin = headers.get("origin")
    if origin is not None and not hosts.know_origin(origin):
        raise CrossOriginError
    if headers.get("sec-fetch-site", "none") not in OWN_SITES:
        raise CrossOriginError
