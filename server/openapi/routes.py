"""The routes of the OpenAPI document as JSON and as a page, each made once per process."""

import asyncio
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Litestar, Request, Response, route
from litestar.types import ControllerRouterHandler

from mail.i18n import LOCALES, translations
from server.access.guards import anyone
from server.access.rights import Action
from server.http.precompressed import Precompressed, answer_precompressed, precompress
from server.openapi.document import Schema, document, introduction
from server.openapi.reference import manual
from server.web.environment import FOLDER, render
from server.web.methods import READING
from server.web.page import frame_of, language_of, remembering

AnyRequest: TypeAlias = Request[Any, Any, Any]

#: Held while a content is made, so that requests at the same time wait for it and make no other.
_MAKING: Final = threading.Lock()


@cache
def _document(app: Litestar) -> Schema:
    return document(app)


@cache
def _json(app: Litestar) -> Precompressed:
    return precompress("application/json", msgspec.json.encode(_document(app)))


@cache
def _page(app: Litestar, language: str) -> Precompressed:
    gettext = translations(LOCALES[language], FOLDER / "locale").gettext
    shown = manual(_document(app), introduction(gettext))
    text = render("api.html", language, page=frame_of(language), status=200, manual=shown)
    return precompress("text/html; charset=utf-8", text.encode())


def _make(content: Callable[..., Precompressed], *args: object) -> Precompressed:
    """A content that is made by the first call; for a thread."""
    with _MAKING:
        return content(*args)


@route("/api/openapi.json", http_method=READING, guards=[anyone(Action.DOCS_READ)])
async def openapi_json(request: AnyRequest) -> Response[bytes]:
    """The document for programs."""
    return answer_precompressed(request, await asyncio.to_thread(_make, _json, request.app))


@route("/api/docs", http_method=READING, guards=[anyone(Action.DOCS_READ)])
async def docs(request: AnyRequest) -> Response[bytes]:
    """The document for people."""
    language = language_of(request)
    page = await asyncio.to_thread(_make, _page, request.app, language)
    answer = answer_precompressed(request, page, vary="Accept-Encoding, Accept-Language, Cookie")
    answer.set_header("Content-Language", LOCALES[language].replace("_", "-"))
    answer.cookies.extend(remembering(request, language))
    return answer


ROUTES: Final[list[ControllerRouterHandler]] = [openapi_json, docs]
