"""Reads and checks host, origin, query and cookies of each request, before its body is read.

The size of the whole head is limited in `server.http.connection` (`LARGEST_HEAD`).

Queries and cookies are read here, in linear time: Litestar would unquote cookies in quadratic time
on some Pythons (CVE-2024-7592), and cache the last 1,024 queries and cookies, however long. A
forged Host must not reach a link, a cache or a redirect, and no other site may make a browser write
(CSRF).
"""

import re
from collections.abc import Iterable
from typing import Final, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec
from litestar.datastructures import Headers
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils.scope.state import ScopeState

from server.access.client_address import Peers
from server.http.problems import (
    BadCookieError,
    CrossOriginError,
    CrowdedError,
    LongHeadError,
    WrongHostError,
)

#: Paths without a check of host and room: load balancers and Prometheus may use a numeric address,
#: and the answers contain no links.
PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
#: Pages whose token is the whole credential: a cookie that another site of the same domain has set
#: must not keep a customer from answering.
TOKEN_PAGES: Final = ("/s/", "/u/")
#: Bytes of a query, and of all cookies together.
LONGEST_QUERY: Final = 1 << 13
#: Seconds for Retry-After when there is no room.
RETRY_AFTER: Final = 5
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
#: Values of Sec-Fetch-Site; "none": the user started the request in the browser itself.
OWN_SITES: Final = frozenset({"same-origin", "none"})
LAST_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


class Hosts(msgspec.Struct, frozen=True):
    """Hosts that are served. `exact`: names with their port. `anywhere`: names at any port."""

    exact: frozenset[tuple[str, int]]
    anywhere: frozenset[str]
    scheme: str

    @classmethod
    def of(cls, origin: str, further: str) -> Self:
        """`origin`: scheme://host:port. `further`: hosts, with or without port, by commas."""
        scheme = urlsplit(origin).scheme
        own, port = _split(origin.partition("://")[2].rstrip("/"))
        named = [_split(text.strip()) for text in further.split(",") if text.strip()]
        exact = {(own, port or _DEFAULT_PORTS.get(scheme, 80))}
        exact |= {(name, port) for name, port in named if port is not None}
        anywhere = frozenset(name for name, port in named if port is None)
        return cls(frozenset(exact), anywhere, scheme)

    def know(self, host: str) -> bool:
        """Tell whether the value of a Host header is served, in any letter case."""
        try:
            name, port = _split(host)
        except ValueError:
            return False
        effective = _DEFAULT_PORTS.get(self.scheme, 80) if port is None else port
        return name in self.anywhere or (name, effective) in self.exact

    def know_origin(self, origin: str) -> bool:
        """Tell whether the value of an Origin header is served."""
        scheme, separator, host = origin.partition("://")
        return bool(separator) and scheme == self.scheme and self.know(host)


def _split(host: str) -> tuple[str, int | None]:
    """:raises ValueError: not a host, with a port or without."""
    found = _HOST.fullmatch(host.lower())
    if found is None or int(found["port"] or 0) > LAST_PORT:
        raise ValueError("not a host")
    return found["name"], int(found["port"]) if found["port"] else None


def read_heads(app: ASGIApp, peers: Peers) -> ASGIApp:
    """`app`, with the query's pairs and the cookies in the state of each request.

    `peers` logs a warning at the first request through a proxy that is not trusted.

    :raises LongHeadError: more than `LONGEST_QUERY` bytes of either.
    :raises BadCookieError: a backslash in a cookie; on `TOKEN_PAGES` cookies are ignored then.
    """

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        peers.watch(Headers.from_scope(scope), client[0] if client else "")
        state = ScopeState.from_scope(scope)
        state.parsed_query, state.cookies = (), {}  # an error page may read them
        query = scope.get("query_string", b"")
        cookies = [value for name, value in scope["headers"] if name == b"cookie"]
        if len(query) > LONGEST_QUERY or sum(map(len, cookies)) > LONGEST_QUERY:
            raise LongHeadError
        if query:  # of any bytes: `read_pairs` refuses those that are not text
            state.parsed_query = tuple(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
        if not any(b"\\" in value for value in cookies):
            state.cookies = read_cookies(value.decode("latin-1") for value in cookies)
        elif not scope["path"].startswith(TOKEN_PAGES):
            raise BadCookieError
        await app(scope, receive, send)

    return reading


def read_cookies(headers: Iterable[str]) -> dict[str, str]:
    """Cookies by name; of several with the same name, the last (RFC 6265, 5.4).

    Quotation marks around a value are removed; escapes are not read, for our own cookies have none.
    """
    cookies = {}
    for header in headers:
        for pair in header.split(";"):
            name, _, value = (part.strip() for part in pair.partition("="))
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            if name:
                cookies[name] = value
    return cookies


def check_heads(app: ASGIApp, hosts: Hosts) -> ASGIApp:
    """`app`, for requests that there is room for, to one of `hosts`, and from no other site.

    Room was looked for by `server.http.watched_app`. Of the writes, three kinds pass without a
    check of the site. Requests without these headers: mail providers post a one-click unsubscribe
    (RFC 8058) so. Requests with Authorization and without a cookie: browsers do not add that header
    by themselves. Requests to a customer's link: its token is the whole credential, and browsers
    with privacy settings and mail programs send `null` or a name of their own.

    :raises CrowdedError: no room; probes are always answered.
    :raises WrongHostError: not exactly one Host header, or of a foreign host, except for probes.
    :raises CrossOriginError: a write with a foreign Origin or Sec-Fetch-Site.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers.from_scope(scope)
        if scope["path"] not in PROBES:
            if scope.get("state", {}).get("crowded"):
                raise CrowdedError(retry_after=RETRY_AFTER)
            named = headers.getall("host", [])
            if len(named) != 1 or not hosts.know(named[0]):
                raise WrongHostError
        is_write = scope.get("method") not in SAFE_METHODS
        is_by_browser = "authorization" not in headers or "cookie" in headers
        if is_write and is_by_browser and not scope["path"].startswith(TOKEN_PAGES):
            origin = headers.get("origin")
            is_own = origin is None or hosts.know_origin(origin)
            if not is_own or headers.get("sec-fetch-site", "none") not in OWN_SITES:
                raise CrossOriginError
        await app(scope, receive, send)

    return checked
