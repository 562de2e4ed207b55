"""Answers to what went wrong: problem+json (RFC 9457) for programs, a page for people."""

import re
import socket
import traceback
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import asyncpg
import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from mail import wording
from mail.campaigns.errors import DefinitionError
from mail.i18n import LOCALES, Translator
from server.access.principals import Principal
from server.api.protocol_version import NEWEST
from server.http.language import preferred_language
from server.http.problems import (
    PROBLEMS,
    BadBodyError,
    CrowdedError,
    Fault,
    Meaning,
    NotSignedInError,
    ServerError,
)
from server.http.quality import listed
from server.web.page import frame, respond
from sync.errors import FieldError, ItemsError, SyncError

AnyRequest = Request[Any, Any, Any]

LOG: Final = structlog.stdlib.get_logger("retour.errors")
CATALOGUES: Final = (
    Path(__file__).parent.parent / "locale",
    Path(wording.__file__).parent / "locale",
)
PROBLEM_TYPE: Final = "application/problem+json"
#: Seconds after which to try again when the database cannot be used.
RETRY_AFTER: Final = 2
#: Faults that one answer tells of.
MOST_FAULTS: Final = 100
_PROGRAMS: Final = re.compile(r"/(api|health|ready|metrics)(/|$)")
#: SQLSTATE classes and codes that pass by themselves: connections, a server that was demoted,
#: roles or a database that an operator is changing, resources (a full disk too), an operator's
#: stop, a lock or a deadlock.
_PASSING: Final = ("08", "25006", "28", "3D", "53", "57", "55P03", "40")
_HTTP_CODES: Final = {404: "not_found", 405: "wrong_method", 413: "too_large"}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error answer (RFC 9457). `errors`: what is wrong, place by place."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] = []


def answer_error(request: AnyRequest, error: Exception) -> Response[Any]:
    """The answer to `error`; what nobody foresaw is logged and answered 500."""
    code = _code(error)
    meaning = PROBLEMS[code]
    if meaning.status >= 500 and not isinstance(error, CrowdedError):
        _log(error, code)
    response = _response(request, error, code, meaning)
    for name, value in _headers(error, meaning).items():
        response.set_header(name, value)
    return response


def _log(error: Exception, code: str) -> None:
    """Where and what, without the values of variables: they hold passwords and tokens."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    kind, what = type(error).__name__, str(error).partition("\n")[0][:200]
    LOG.error("failed", code=code, kind=kind, what=what, trace=frames)


def _code(error: Exception) -> str:
    match error:
        case ServerError() | SyncError() if error.code in PROBLEMS:
            return error.code
        case asyncpg.PostgresError():
            return _database_code(error)
        case asyncpg.InterfaceError() | asyncpg.InternalClientError():  # also of a cut connection
            return "unavailable"
        case ConnectionError() | TimeoutError() | socket.gaierror():
            return "unavailable"
        case OSError() if type(error) is OSError:  # several addresses refused, a full disk
            return "unavailable"
        case HTTPException() if error.status_code < 500:
            return _HTTP_CODES.get(error.status_code, "bad_request")
        case _:
            return "internal"


def _database_code(error: asyncpg.PostgresError) -> str:
    state = error.sqlstate or ""
    if state.startswith(_PASSING) or isinstance(error, asyncpg.InvalidCachedStatementError):
        return "unavailable"
    if isinstance(error, asyncpg.DataError):
        return "bad_request"
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return "conflict"
    return "internal"


def _response(request: AnyRequest, error: Exception, code: str, meaning: Meaning) -> Response[Any]:
    reads_pages = "text/html" in request.headers.get("accept", "")
    if not reads_pages or _PROGRAMS.match(request.scope["path"]):
        return _problem(request, error, code, meaning)
    if isinstance(error, NotSignedInError) and request.method in {"GET", "HEAD"}:
        return Redirect(f"/login?{urlencode({'next': _wanted(request)})}", status_code=303)
    page = frame(request, _reader(request))
    return respond(request, "error.html", page, status=meaning.status, code=code)


def _wanted(request: AnyRequest) -> bytes:
    """The path and query that were asked for."""
    path, query = quote(request.scope["path"]).encode(), request.scope["query_string"]
    return path + b"?" + query if query else path


def _reader(request: AnyRequest) -> Principal | None:
    """Who is known to read this; nobody where the request failed before that was asked."""
    reader = request.scope.get("user")
    return reader if isinstance(reader, Principal) else None


def _problem(request: AnyRequest, error: Exception, code: str, meaning: Meaning) -> Response[bytes]:
    language = preferred_language(listed(request.headers, "accept-language"))
    words = Translator(LOCALES[language], *CATALOGUES)
    title = words.gettext(meaning.title)
    faults = _faults(error, words)
    problem = Problem(f"urn:retour:problem:{code}", title, meaning.status, title, faults)
    return Response(
        msgspec.json.encode(problem),
        status_code=meaning.status,
        media_type=PROBLEM_TYPE,
        headers={"Content-Language": words.locale.replace("_", "-")},
    )


def _faults(error: Exception, words: Translator) -> list[Fault]:
    match error:
        case BadBodyError():
            return list(error.faults)
        case FieldError():
            return [_field_fault(error, words)]
        case ItemsError():
            return [_field_fault(one, words) for one in error.errors[:MOST_FAULTS]]
        case DefinitionError():
            return [
                Fault(
                    f"/definition{_pointer(one.field)}",
                    one.code,
                    words.gettext(wording.PROBLEMS[one.code]),
                )
                for one in error.problems[:MOST_FAULTS]
            ]
        case _:
            return []


def _field_fault(error: FieldError, words: Translator) -> Fault:
    place = "" if error.item is None else f"/items/{error.item}"
    text = words.gettext(PROBLEMS[error.code].title)
    return Fault(f"{place}{_pointer(error.field)}", error.code, text, error.external_id)


def _pointer(field: str) -> str:
    """A dotted path as a JSON pointer (RFC 6901)."""
    return f"/{field.replace('.', '/')}" if field else ""


def _headers(error: Exception, meaning: Meaning) -> dict[str, str]:
    wait = getattr(error, "retry_after", None)
    if meaning.status == 503 and wait is None:
        wait = RETRY_AFTER
    headers = {} if wait is None else {"Retry-After": str(wait)}
    if meaning.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if meaning.status == 426:  # RFC 9110, 7.8: the one is announced by the other
        headers |= {"Upgrade": f"Retour/{NEWEST}", "Connection": "Upgrade"}
    allow = (getattr(error, "headers", None) or {}).get("allow")
    return headers | ({"Allow": allow} if allow else {})
