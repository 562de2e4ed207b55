"""Refuses writes that another site made a browser send (CSRF)."""

from typing import Final

from litestar.datastructures import Headers
from litestar.types import ASGIApp, Receive, Scope, Send

from server.http.middleware.hosts import Hosts
from server.http.middleware.query_limits import TOKEN_PAGES
from server.http.problems import CrossOriginError

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Values of Sec-Fetch-Site; "none": the user started the request in the browser itself.
OWN_SITES: Final = frozenset({"same-origin", "none"})


def check_origin(app: ASGIApp, hosts: Hosts) -> ASGIApp:
    """`app`, without writes whose headers say that they come from another site.

    Three kinds pass. Requests without these headers: mail providers post a one-click unsubscribe
    (RFC 8058) so. Requests with Authorization and without a cookie: browsers do not add that header
    by themselves. Requests to a customer's link: its token is the whole credential, and browsers
    with privacy settings and mail programs send `null` or a name of their own.

    :raises CrossOriginError: a foreign Origin or Sec-Fetch-Site.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") not in SAFE_METHODS and not scope["path"].startswith(TOKEN_PAGES):
            headers = Headers.from_scope(scope)
            if "authorization" not in headers or "cookie" in headers:
                origin = headers.get("origin")
                is_own = origin is None or hosts.know_origin(origin)
                if not is_own or headers.get("sec-fetch-site", "none") not in OWN_SITES:
                    raise CrossOriginError
        await app(scope, receive, send)

    return checked
