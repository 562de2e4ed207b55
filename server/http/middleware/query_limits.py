"""Read queries and cookies under a limit, in time that grows with their length and no faster.

The framework would unquote cookies in quadratic time on some Pythons (CVE-2024-7592), and keep
the last 1,024 queries and cookies of whoever sent them, however long. It finds both already read.
"""

from typing import Final
from urllib.parse import parse_qsl

from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils.scope.state import ScopeState

from server.http.form_data import read_cookies
from server.http.problems import BadCookieError, LongHeadError

#: Bytes of a query, and of all cookies together.
LONGEST: Final = 1 << 13
#: Pages whose token is the whole credential: a cookie that another site of the same domain has
#: set is no reason to keep a customer from answering.
TOKEN_PAGES: Final = ("/s/", "/u/")


def read_heads(app: ASGIApp) -> ASGIApp:
    """`app`, given the query's pairs and the cookies of each request.

    :raises LongHeadError: more than `LONGEST` bytes of either.
    :raises BadCookieError: a backslash in a cookie; on `TOKEN_PAGES` there are then no cookies.
    """

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        state = ScopeState.from_scope(scope)
        state.parsed_query, state.cookies = (), {}  # also where an error page asks for them
        query = scope.get("query_string", b"")
        cookies = [value for name, value in scope["headers"] if name == b"cookie"]
        if len(query) > LONGEST or sum(map(len, cookies)) > LONGEST:
            raise LongHeadError
        state.parsed_query = _pairs(query)
        state.cookies = _cookies(cookies, scope["path"])
        await app(scope, receive, send)

    return reading


def _pairs(query: bytes) -> tuple[tuple[str, str], ...]:
    """As a page takes it, whatever it is; where it must be text, `read_pairs` says so."""
    return tuple(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else ()


def _cookies(headers: list[bytes], path: str) -> dict[str, str]:
    if any(b"\\" in header for header in headers):
        if path.startswith(TOKEN_PAGES):
            return {}
        raise BadCookieError
    return read_cookies(header.decode("latin-1") for header in headers)
