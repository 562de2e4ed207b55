"""One route of the API: a typed function, what it reads and answers, and who may call it.

The function says all of it once, in its signature: `body` and `query` are structs, other
parameters stand in the path, the answer is what it returns (204 for None). The OpenAPI document
is made of the same signature.
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
    """What a route takes and gives. `answer` is NoneType for 204. `fails`: codes of errors.

    `versioned`: the header that says the version of the protocol is read. `singly`: the items of
    the body are judged one by one. `reads`: what the body is read as, where that is not `body`.
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
        """Itself: Litestar copies handlers with what they carry, and types cannot be copied."""
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

    `body`, `answer`: the shapes to document where the function's own say less. `singly`: the
    function judges the items of the body one by one, see `read_body`.
    """

    def routed(function: Callable[..., Awaitable[Any]]) -> HTTPRouteHandler:
        spoken = _describe(function, access, status, fails)
        spoken = msgspec.structs.replace(spoken, versioned=versioned, singly=singly)
        if body is not None:
            spoken = msgspec.structs.replace(spoken, body=body, reads=spoken.body)
        if answer is not None:
            spoken = msgspec.structs.replace(spoken, answer=answer)
        return route(method, path, function, spoken)

    return routed


def route(
    method: Method, path: str, function: Callable[..., Awaitable[Any]], spoken: Operation
) -> HTTPRouteHandler:
    """The handler that reads what `spoken` says, calls `function` and writes its answer.

    A function that has more to say than a body (cookies) may return the whole response. What
    answers GET answers HEAD.
    """

    async def handle(request: AnyRequest) -> Response[bytes]:
        given = _in_path(request, spoken)
        if spoken.query is not None:
            given["query"] = read_query(request, spoken.query)
        if spoken.body is not None:
            kind = spoken.reads or spoken.body
            given["body"] = await read_body(request, kind, singly=spoken.singly)
        answer = await function(request, **given)
        return answer if isinstance(answer, Response) else write(request, answer, spoken.status)

    return HTTPRouteHandler(
        path,
        http_method=READING if method == "GET" else method,
        guards=[speaks, spoken.access] if spoken.versioned else [spoken.access],
        name=spoken.name,
        status_code=200,  # the response carries the real one
        opt={OPERATION: spoken},
    )(handle)


def _in_path(request: AnyRequest, spoken: Operation) -> dict[str, Any]:
    """The path's parameters.

    :raises NotFoundError: a text that names nothing, for no column could hold it.
    """
    given = dict(request.path_params)
    for name, kind in spoken.path_parameters.items():
        if isinstance(given[name], str):
            given[name] = _text_in_path(request, given[name])
            try:
                msgspec.convert(given[name], kind)
            except msgspec.ValidationError:
                raise NotFoundError from None
            if "\0" in given[name]:
                raise NotFoundError
    return given


def _text_in_path(request: AnyRequest, routed: str) -> str:
    """The text at the end of the path as it was sent; the router takes slashes for separators.

    `routed`: what the router made of it, which is right where nothing of it is a slash.
    """
    place = request.scope["path_template"].count("/")
    raw = request.scope["raw_path"].split(b"/", place)[-1].rstrip(b"/")
    text = unquote(raw.decode("latin-1"))
    is_same = _SLASHES.sub("/", text).strip("/") == routed.strip("/")
    return text if is_same else routed.removeprefix("/")


def _describe(
    function: Callable[..., Any], access: Guard, status: int, fails: tuple[str, ...]
) -> Operation:
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
