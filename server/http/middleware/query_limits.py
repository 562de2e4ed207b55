"""Reads queries and cookies under a limit, in linear time.

Litestar would unquote cookies in quadratic time on some Pythons (CVE-2024-7592), and cache the last
1,024 queries and cookies, however long. It finds both parsed in the request's state.
"""

from typing import Final
from urllib.parse import parse_qsl

from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils.scope.state import ScopeState

from server.http.form_data import read_cookies
from server.http.problems import BadCookieError, LongHeadError

#: Bytes of a query, and of all cookies together.
LONGEST: Final = 1 << 13
#: Pages whose token is the whole credential: a cookie that another site of the same domain has set
#: must not keep a customer from answering.
TOKEN_PAGES: Final = ("/s/", "/u/")


def read_heads(app: ASGIApp) -> ASGIApp:
    """`app`, with the query's pairs and the cookies in the state of each request.

    :raises LongHeadError: more than `LONGEST` bytes of either.
    :raises BadCookieError: a backslash in a cookie; on `TOKEN_PAGES` cookies are ignored then.
    """

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        state = ScopeState.from_scope(scope)
        state.parsed_query, state.cookies = (), {}  # an error page may read them
        query = scope.get("query_string", b"")
        cookies = [value for name, value in scope["headers"] if name == b"cookie"]
        if len(query) > LONGEST or sum(map(len, cookies)) > LONGEST:
            raise LongHeadError
        if query:  # of any bytes: `read_pairs` refuses those that are not text
            state.parsed_query = tuple(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
        if not any(b"\\" in value for value in cookies):
            state.cookies = read_cookies(value.decode("latin-1") for value in cookies)
        elif not scope["path"].startswith(TOKEN_PAGES):
            raise BadCookieError
        await app(scope, receive, send)

    return reading
