"""The OpenAPI document as JSON, and as a page to read: each made once, for whoever asks."""

import asyncio
import threading
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Litestar, Request, Response, route
from litestar.types import ControllerRouterHandler

from mail.i18n import LOCALES
from server.access.guards import anyone
from server.access.rights import Action
from server.http.precompressed import Precompressed, answer_precompressed, precompress
from server.openapi.document import Schema, document
from server.openapi.reference import manual
from server.web.environment import render
from server.web.methods import READING
from server.web.page import frame_of, language_of, remembering

AnyRequest: TypeAlias = Request[Any, Any, Any]

#: Whoever comes while one is made waits for that one.
_MAKING: Final = threading.Lock()


@cache
def _document(app: Litestar) -> Schema:
    return document(app)


@cache
def _json(app: Litestar) -> Precompressed:
    return precompress("application/json", msgspec.json.encode(_document(app)))


@cache
def _page(app: Litestar, language: str) -> Precompressed:
    shown = manual(_document(app))
    text = render("api.html", language, page=frame_of(language), status=200, manual=shown)
    return precompress("text/html; charset=utf-8", text.encode())


def _made_json(app: Litestar) -> Precompressed:
    with _MAKING:
        return _json(app)


def _made_page(app: Litestar, language: str) -> Precompressed:
    with _MAKING:
        return _page(app, language)


@route("/api/openapi.json", http_method=READING, guards=[anyone(Action.DOCS_READ)])
async def openapi_json(request: AnyRequest) -> Response[bytes]:
    """The document for programs."""
    return answer_precompressed(request, await asyncio.to_thread(_made_json, request.app))


@route("/api/docs", http_method=READING, guards=[anyone(Action.DOCS_READ)])
async def docs(request: AnyRequest) -> Response[bytes]:
    """The document for people."""
    language = language_of(request)
    made = await asyncio.to_thread(_made_page, request.app, language)
    answer = answer_precompressed(request, made, vary="Accept-Encoding, Accept-Language, Cookie")
    answer.set_header("Content-Language", LOCALES[language].replace("_", "-"))
    answer.cookies.extend(remembering(request, language))
    return answer


ROUTES: Final[list[ControllerRouterHandler]] = [openapi_json, docs]
