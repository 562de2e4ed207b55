"""The OpenAPI document as JSON, and as a page to read."""

from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Litestar, Request, Response, route
from litestar.types import ControllerRouterHandler

from server.api.manual import manual
from server.api.openapi import Schema, document
from server.pages.page import frame, respond
from server.pages.reading import READING

AnyRequest: TypeAlias = Request[Any, Any, Any]

#: The document is public and changes only with the program.
_KEPT: Final = {"Cache-Control": "public, max-age=300"}


@cache
def _document(app: Litestar) -> Schema:
    return document(app)


@route("/api/openapi.json", http_method=READING, sync_to_thread=False)
def openapi_json(request: AnyRequest) -> Response[bytes]:
    """The document for programs."""
    text = msgspec.json.encode(_document(request.app))
    return Response(text, media_type="application/json", headers=_KEPT)


@route("/api/docs", http_method=READING, sync_to_thread=False)
def docs(request: AnyRequest) -> Response[str]:
    """The document for people."""
    return respond(request, "api.html", frame(request), manual=manual(_document(request.app)))


ROUTES: Final[list[ControllerRouterHandler]] = [openapi_json, docs]
