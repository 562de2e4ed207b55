"""The OpenAPI document, made of the operations themselves so that it cannot say anything else."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from server.access.guards import CredentialKind
from server.api.codec import JSON, MESSAGE_PACK, NO_CONTENT
from server.api.devices import AnyChange, EventStream
from server.api.operation import OPERATION, Operation
from server.api.protocol_version import HEADER, OLDEST
from server.http.problem_details import PROBLEM_TYPE, Problem
from server.http.problems import PROBLEMS
from server.live.sse import EVENT_STREAM
from sync.feed.changes import Change

REFERENCE: Final = "#/components/schemas/{name}"
#: What a middleware may answer on any route, and on any route with a body.
ALWAYS: Final = ("bad_request", "wrong_host", "bad_cookie", "long_head", "unavailable")
WITH_BODY: Final = ("too_large", "slow_body", "wrong_type", "bad_encoding", "wrong_encoding")
INTRODUCTION: Final = """\
Send `Authorization: Bearer` and a token, which `retour token NAME` prints, or a device's
credential, which its enrolment answers. Bodies and answers are JSON or, by Content-Type and Accept,
MessagePack with the same fields (ids as text, times as text or as its timestamps). Request bodies
may be compressed by gzip or zstd; at most 1 MiB, inflated too, and 32 levels deep. A query has at
most 8 KiB, and so do cookies; a head has at most 16. Unknown fields are refused. Times carry an
offset.
Lists are paged: ask again with `after` = `next`. Errors are problem+json (RFC 9457); the last part
of `type` is a stable code.
Answers of 1 KiB and more are compressed where Accept-Encoding names zstd or gzip.
Devices say which version of the protocol they speak by `Retour-Protocol` (1 where it is missing; 3
is the newest; a higher number is answered as 3). 426 `old_app` says that a version is not served
any more, and `Upgrade` which one is: keep what waits, show the text, update the app.
"""

Schema = dict[str, Any]

#: The header by which devices say what they understand.
VERSION: Final[Schema] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The version of the protocol that the app speaks.",
    "schema": {"type": "integer", "minimum": OLDEST, "default": OLDEST},
}


def document(app: Litestar) -> Schema:
    """OpenAPI 3.1 for every operation that `app` routes."""
    found = list(operations(app))
    kinds = _kinds(spoken for _, _, spoken in found)
    schemas, components = msgspec.json.schema_components(
        kinds, schema_hook=_hook, ref_template=REFERENCE
    )
    known = dict(zip((_key(kind) for kind in kinds), schemas, strict=True))
    paths: dict[str, Schema] = {}
    for path, method, spoken in found:
        paths.setdefault(path, {})[method.lower()] = _operation(spoken, known, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Retour", "version": "1", "description": INTRODUCTION},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }


def operations(app: Litestar) -> Iterable[tuple[str, str, Operation]]:
    """Path template, method and operation of every route of the API."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            if OPERATION in handler.opt:
                yield route.path_format, _method(handler), handler.opt[OPERATION]


def _method(handler: HTTPRouteHandler) -> str:
    """The one method that is documented: HEAD goes with GET."""
    return min(str(method) for method in handler.http_methods)


def _key(kind: Any) -> str:
    return repr(kind)


def _hook(kind: type[object]) -> Schema:
    if kind is EventStream:
        return {"type": "string"}
    if kind is not AnyChange:
        raise NotImplementedError
    names = [member.__name__ for member in get_args(Change)]
    return {"anyOf": [{"$ref": REFERENCE.format(name=name)} for name in names]}


def _kinds(spoken: Iterable[Operation]) -> list[Any]:
    """Every type that is mentioned, once."""
    mentioned: dict[str, Any] = {_key(kind): kind for kind in (Problem, *get_args(Change))}
    for one in spoken:
        for kind in (one.body, one.query, one.answer, *one.path_parameters.values()):
            if kind not in (None, type(None)):
                mentioned[_key(kind)] = kind
    return list(mentioned.values())


_SCHEMES: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token (`rta_...`), made by an administrator.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "retour",
        "description": "A browser's session; named `__Host-retour` under https.",
    },
    "device": {
        "type": "http",
        "scheme": "bearer",
        "description": "The credential (`rtd_...`) that enrolment gave to a device.",
    },
}

#: Which of them an operation takes, by its door.
_SECURITY: Final[Mapping[CredentialKind, list[dict[str, list[str]]]]] = {
    CredentialKind.OPEN: [],
    CredentialKind.API: [{"token": []}, {"session": []}],
    CredentialKind.DEVICE: [{"device": []}],
}


def _operation(
    spoken: Operation, known: Mapping[str, Schema], parts: Mapping[str, Schema]
) -> Schema:
    said: Schema = {
        "operationId": spoken.name,
        "summary": spoken.summary,
        "security": _security(spoken),
        "parameters": [
            *_in_path(spoken, known),
            *_in_query(spoken, known, parts),
            *([VERSION] if spoken.versioned else []),
        ],
        "responses": _responses(spoken, known),
    }
    if spoken.description:
        said["description"] = spoken.description
    if spoken.body is not None:
        said["requestBody"] = {"required": True, "content": _content(known[_key(spoken.body)])}
    return said


def _security(spoken: Operation) -> list[dict[str, list[str]]]:
    return _SECURITY[spoken.access.door]


def _in_path(spoken: Operation, known: Mapping[str, Schema]) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": known[_key(kind)]}
        for name, kind in spoken.path_parameters.items()
    ]


def _in_query(
    spoken: Operation, known: Mapping[str, Schema], parts: Mapping[str, Schema]
) -> list[Schema]:
    if spoken.query is None:
        return []
    schema = parts[known[_key(spoken.query)]["$ref"].rpartition("/")[2]]
    needed = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in needed, "schema": part}
        for name, part in schema["properties"].items()
    ]


def _content(schema: Schema) -> Schema:
    return {JSON: {"schema": schema}, MESSAGE_PACK: {"schema": schema}}


def _answer(spoken: Operation, schema: Schema) -> Schema:
    return {EVENT_STREAM: {"schema": schema}} if spoken.answer is EventStream else _content(schema)


def _responses(spoken: Operation, known: Mapping[str, Schema]) -> Schema:
    good: Schema = {"description": "Done"}
    if spoken.status != NO_CONTENT:
        good["content"] = _answer(spoken, known[_key(spoken.answer)])
    return {str(spoken.status): good, **_failures(_codes(spoken), known[_key(Problem)])}


def _codes(spoken: Operation) -> tuple[str, ...]:
    codes = (*ALWAYS, *spoken.fails)
    if spoken.versioned:
        codes = (*codes, "old_app")
    if spoken.access.door is not CredentialKind.OPEN:
        codes = (*codes, "not_signed_in", "forbidden")
    if spoken.path_parameters:
        codes = (*codes, "not_found")
    return codes if spoken.body is None else (*codes, *WITH_BODY, "cross_origin")


def _failures(codes: Iterable[str], schema: Schema) -> Schema:
    by_status: dict[int, list[str]] = {}
    for code in sorted(set(codes)):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in names),
            "content": {PROBLEM_TYPE: {"schema": schema}},
        }
        for status, names in sorted(by_status.items())
    }
