"""The OpenAPI document, made from the operations that the application routes."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, get_args

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from mail.wording import _
from server.access.guards import CredentialKind
from server.api.codec import NO_CONTENT
from server.api.devices import AnyChange, EventStream
from server.api.operation import OPERATION, Operation
from server.api.protocol_version import HEADER, NEWEST, OLDEST
from server.http.negotiation import JSON, MESSAGE_PACK
from server.http.problem_details import PROBLEM_TYPE, Problem
from server.http.problems import PROBLEMS
from server.live.sse import EVENT_STREAM
from sync.feed.changes import Change

REFERENCE: Final = "#/components/schemas/{name}"
#: Codes of errors of the middleware: of any route, and of any route with a body.
ALWAYS: Final = ("bad_request", "wrong_host", "bad_cookie", "long_head", "unavailable")
WITH_BODY: Final = ("too_large", "slow_body", "wrong_type", "bad_encoding", "wrong_encoding")
_INTRODUCTION: Final = (
    _(
        "Send `Authorization: Bearer` and a token, which `retour token NAME` prints, or a device's"
        " credential, which its enrolment answers."
    ),
    _(
        "Bodies and answers are JSON or, by Content-Type and Accept, MessagePack with the same"
        " fields (ids as text, times as text or as its timestamps). Times carry an offset. Unknown"
        " fields are refused."
    ),
    _(
        "Request bodies may be compressed by gzip or zstd; at most 1 MiB, inflated too, and 32"
        " levels deep. A query has at most 8 KiB, and so do cookies; a head has at most 16. Answers"
        " of 1 KiB and more are compressed where Accept-Encoding names zstd or gzip."
    ),
    _(
        "Lists are paged: ask again with `after` = `next`. Errors are problem+json (RFC 9457); the"
        " last part of `type` is a stable code."
    ),
    _(
        "Devices say which version of the protocol they speak by `Retour-Protocol` (1 where it is"
        " missing; %(newest)s is the newest; a higher number is answered as that). 426 `old_app`"
        " says that a version is not served any more, and `Upgrade` which one is: keep what waits,"
        " show the text, update the app."
    ),
)

Schema = dict[str, Any]

#: The parameter of the header with the version of the protocol.
VERSION: Final[Schema] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "The version of the protocol that the app speaks.",
    "schema": {"type": "integer", "minimum": OLDEST, "default": OLDEST},
}


def introduction(gettext: Callable[[str], str] = str) -> list[str]:
    """Paragraphs of the page, in the language of `gettext`; the document has them in English."""
    return [gettext(text) % {"newest": NEWEST} for text in _INTRODUCTION]


def document(app: Litestar) -> Schema:
    """OpenAPI 3.1 for every operation that `app` routes."""
    found = list(operations(app))
    types: dict[str, Any] = {_key(kind): kind for kind in (Problem, *get_args(Change))}
    for _path, _method, described in found:
        parameters = described.path_parameters.values()
        for kind in (described.body, described.query, described.answer, *parameters):
            if kind not in (None, type(None)):
                types[_key(kind)] = kind
    schemas, components = msgspec.json.schema_components(
        types.values(), schema_hook=_special_schema, ref_template=REFERENCE
    )
    known = dict(zip(types, schemas, strict=True))
    paths: dict[str, Schema] = {}
    for path, method, described in found:
        paths.setdefault(path, {})[method.lower()] = _operation(described, known, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Retour", "version": "1", "description": "\n\n".join(introduction())},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }


def operations(app: Litestar) -> Iterable[tuple[str, str, Operation]]:
    """Path template, method and operation of every route of the API.

    Methods are sorted: the framework has them in another order in each process.
    """
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        handlers = [handler for handler in route.route_handlers if OPERATION in handler.opt]
        # Of GET and HEAD it is GET.
        by_method = {min(map(str, handler.http_methods)): handler for handler in handlers}
        for method, handler in sorted(by_method.items()):
            yield route.path_format, method, handler.opt[OPERATION]


def _key(kind: Any) -> str:
    """A type as a key: annotated types are not hashable."""
    return repr(kind)


def _special_schema(kind: type[object]) -> Schema:
    """The schema of a type that msgspec does not know."""
    if kind is EventStream:
        return {"type": "string"}
    if kind is not AnyChange:
        raise NotImplementedError
    names = [member.__name__ for member in get_args(Change)]
    return {"anyOf": [{"$ref": REFERENCE.format(name=name)} for name in names]}


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

#: The schemes that an operation accepts, by the kind of credential of its guard.
_SECURITY: Final[Mapping[CredentialKind, list[dict[str, list[str]]]]] = {
    CredentialKind.OPEN: [],
    CredentialKind.API: [{"token": []}, {"session": []}],
    CredentialKind.DEVICE: [{"device": []}],
}


def _operation(
    described: Operation, known: Mapping[str, Schema], components: Mapping[str, Schema]
) -> Schema:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": known[_key(kind)]}
        for name, kind in described.path_parameters.items()
    ]
    in_query = []
    if described.query is not None:
        schema = components[known[_key(described.query)]["$ref"].rpartition("/")[2]]
        required = schema.get("required", [])
        in_query = [
            {"name": name, "in": "query", "required": name in required, "schema": field}
            for name, field in schema["properties"].items()
        ]
    shown: Schema = {
        "operationId": described.name,
        "summary": described.summary,
        "security": _SECURITY[described.access.credential],
        "parameters": [
            *in_path,
            *in_query,
            *([VERSION] if described.versioned else []),
        ],
        "responses": _responses(described, known),
    }
    if described.description:
        shown["description"] = described.description
    if described.body is not None:
        content = _content(known[_key(described.body)])
        shown["requestBody"] = {"required": True, "content": content}
    return shown


def _content(schema: Schema) -> Schema:
    return {JSON: {"schema": schema}, MESSAGE_PACK: {"schema": schema}}


def _responses(described: Operation, known: Mapping[str, Schema]) -> Schema:
    success: Schema = {"description": "Done"}
    if described.answer is EventStream:
        success["content"] = {EVENT_STREAM: {"schema": known[_key(described.answer)]}}
    elif described.status != NO_CONTENT:
        success["content"] = _content(known[_key(described.answer)])
    responses = {str(described.status): success}
    by_status: dict[int, list[str]] = {}
    for code in _error_codes(described):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes),
            "content": {PROBLEM_TYPE: {"schema": known[_key(Problem)]}},
        }
    return responses


def _error_codes(described: Operation) -> list[str]:
    """The codes with which an operation may be refused, in order."""
    codes = {*ALWAYS, *described.fails}
    if described.versioned:
        codes.add("old_app")
    if described.access.credential is not CredentialKind.OPEN:
        codes |= {"not_signed_in", "forbidden"}
    if described.path_parameters:
        codes.add("not_found")
    if described.body is not None:
        codes |= {*WITH_BODY, "cross_origin"}
    return sorted(codes)
