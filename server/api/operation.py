"""Routes of the API, declared by the signatures of functions.

The parameters `body` and `query` are structs, other parameters are in the path, and the answer is
the returned value (204 for None). The OpenAPI document is made from the same signatures.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, Self, TypeAlias, get_type_hints
from urllib.parse import unquote

import msgspec
from litestar import Request, Response
from litestar.handlers import HTTPRouteHandler

from server.access.guards import Guard
from server.api.codec import NO_CONTENT, read_body, read_query, write
from server.api.protocol_version import speaks
from server.http.problems import NotFoundError
from server.web.methods import READING

AnyRequest = Request[Any, Any, Any]
Method: TypeAlias = Literal["GET", "POST", "PUT", "DELETE"]

_SLASHES: Final = re.compile("/{2,}")

#: The key of a handler's `opt` under which its `Operation` stands.
OPERATION: Final = "operation"


class Operation(msgspec.Struct, frozen=True):
    """A route's parameters and answer. `answer`: NoneType for 204. `fails`: codes of errors.

    `versioned`: the header with the version of the protocol is read. `singly`: the items of the
    body are judged one by one. `reads`: the type that decodes the body, where it is not `body`.
    """

    name: str
    summary: str
    description: str
    access: Guard
    path_parameters: Mapping[str, Any]
    body: Any
    query: Any
    answer: Any
    status: int
    fails: tuple[str, ...]
    versioned: bool = False
    singly: bool = False
    reads: Any = None

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Itself: Litestar copies handlers and their options, and types cannot be copied."""
        return self


def operation(
    method: Method,
    path: str,
    *,
    access: Guard,
    status: int = 200,
    body: Any = None,
    answer: Any = None,
    fails: tuple[str, ...] = (),
    versioned: bool = False,
    singly: bool = False,
) -> Callable[[Callable[..., Awaitable[Any]]], HTTPRouteHandler]:
    """Make a route of a function `(request, [body], [query], [path parameters]) -> answer`.

    `body`, `answer`: the types to document, where they say more than those of the function.
    `singly`: the function judges the items of the body one by one, see `read_body`.
    """

    def routed(function: Callable[..., Awaitable[Any]]) -> HTTPRouteHandler:
        described = _describe(function, access, status, fails)
        described = msgspec.structs.replace(described, versioned=versioned, singly=singly)
        if body is not None:
            described = msgspec.structs.replace(described, body=body, reads=described.body)
        if answer is not None:
            described = msgspec.structs.replace(described, answer=answer)
        return route(method, path, function, described)

    return routed


def route(
    method: Method, path: str, function: Callable[..., Awaitable[Any]], described: Operation
) -> HTTPRouteHandler:
    """The handler that reads what `described` lists, calls `function` and writes its answer.

    A function whose answer is more than a body (cookies) may return the whole response. A GET route
    answers HEAD, too.
    """

    async def handle(request: AnyRequest) -> Response[bytes]:
        given = _path_parameters(request, described) if described.path_parameters else {}
        if described.query is not None:
            given["query"] = read_query(request, described.query)
        if described.body is not None:
            kind = described.reads or described.body
            given["body"] = await read_body(request, kind, singly=described.singly)
        answer = await function(request, **given)
        return answer if isinstance(answer, Response) else write(request, answer, described.status)

    return HTTPRouteHandler(
        path,
        http_method=READING if method == "GET" else method,
        guards=[speaks, described.access] if described.versioned else [described.access],
        name=described.name,
        status_code=200,  # `write` sets the real one
        opt={OPERATION: described},
    )(handle)


def _path_parameters(request: AnyRequest, described: Operation) -> dict[str, Any]:
    """The path's parameters; a text is the end of the path as it was sent, slashes included.

    The router takes encoded slashes for separators: its text is right only where there are none.

    :raises NotFoundError: a text that is not of its type, or that no column can store.
    """
    given = dict(request.path_params)
    for name, kind in described.path_parameters.items():
        routed = given[name]
        if not isinstance(routed, str):
            continue
        place = request.scope["path_template"].count("/")
        raw = request.scope["raw_path"].split(b"/", place)[-1].rstrip(b"/")
        text = unquote(raw.decode("latin-1"))
        is_same = _SLASHES.sub("/", text).strip("/") == routed.strip("/")
        given[name] = text if is_same else routed.removeprefix("/")
        try:
            msgspec.convert(given[name], kind)
        except msgspec.ValidationError:
            raise NotFoundError from None
        if "\0" in given[name]:
            raise NotFoundError
    return given


def _describe(
    function: Callable[..., Any], access: Guard, status: int, fails: tuple[str, ...]
) -> Operation:
    """What the function's signature and docstring say."""
    hints = get_type_hints(function, include_extras=True)
    answer = hints.pop("return")
    hints.pop("request")
    body, query = hints.pop("body", None), hints.pop("query", None)
    summary, _, description = (inspect.getdoc(function) or "").partition("\n\n")
    empty = answer is type(None)
    return Operation(
        name=function.__name__,
        summary=" ".join(summary.split()),
        description=" ".join(description.split()),
        access=access,
        path_parameters=hints,
        body=body,
        query=query,
        answer=answer,
        status=NO_CONTENT if empty else status,
        fails=fails,
    )
