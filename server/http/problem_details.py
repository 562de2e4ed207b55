"""Answers to errors: problem+json (RFC 9457) for programs, a page for people."""

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
from mail.assets.flaws import ImageError
from mail.campaigns.errors import DefinitionError, SenderMissingError
from mail.i18n import LOCALES, Translator
from server.api.protocol_version import NEWEST
from server.http.error_pages import ErrorPage
from server.http.negotiation import listed, preferred_language
from server.http.problems import (
    PROBLEMS,
    BadBodyError,
    ClientGoneError,
    CrowdedError,
    Fault,
    Meaning,
    NotSignedInError,
    ServerError,
)
from sync.errors import FieldError, ItemsError, SyncError

AnyRequest = Request[Any, Any, Any]

LOG: Final = structlog.stdlib.get_logger("retour.errors")
CATALOGUES: Final = (
    Path(__file__).parent.parent / "locale",
    Path(wording.__file__).parent / "locale",
)
PROBLEM_TYPE: Final = "application/problem+json"
#: Seconds for Retry-After when the database cannot be used.
RETRY_AFTER: Final = 2
#: Faults that one answer lists.
MOST_FAULTS: Final = 100
_PROGRAMS: Final = re.compile(r"/(api|health|ready|metrics)(/|$)")
#: SQLSTATE classes and codes of temporary errors: connections, a server that was demoted, roles or
#: a database that an operator is changing, resources (a full disk too), an operator's shutdown,
#: lock timeouts, deadlocks and serialization failures.
_TEMPORARY: Final = ("08", "25006", "28", "3D", "53", "57", "55P03", "40")
_HTTP_CODES: Final = {404: "not_found", 405: "wrong_method", 413: "too_large"}


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of an error answer (RFC 9457). `errors`: the faults of the request's body."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] = []


def answer_error(request: AnyRequest, error: Exception) -> Response[Any]:
    """The answer to `error`; an unexpected error is logged and answered 500.

    :raises ClientGoneError: it is that: nobody reads an answer.
    """
    if isinstance(error, ClientGoneError):
        raise error
    code = _code(error)
    meaning = PROBLEMS[code]
    if meaning.status >= 500 and not isinstance(error, CrowdedError):
        # Without the values of variables: they may be passwords and tokens.
        frames = "".join(traceback.format_tb(error.__traceback__))
        what = str(error).partition("\n")[0][:200]
        LOG.error("failed", code=code, kind=type(error).__name__, what=what, trace=frames)
    response = _response(request, error, code, meaning)
    wait = getattr(error, "retry_after", None)
    if meaning.status == 503 and wait is None:
        wait = RETRY_AFTER
    if wait is not None:
        response.set_header("Retry-After", str(wait))
    if meaning.status == 401:
        response.set_header("WWW-Authenticate", "Bearer")
    if meaning.status == 426:  # RFC 9110, 7.8: Connection must list Upgrade
        response.set_header("Upgrade", f"Retour/{NEWEST}")
        response.set_header("Connection", "Upgrade")
    allow = (getattr(error, "headers", None) or {}).get("allow")
    if allow:
        response.set_header("Allow", allow)
    return response


def _code(error: Exception) -> str:
    """The key of `PROBLEMS` for an error."""
    match error:
        case ServerError() | SyncError() if error.code in PROBLEMS:
            return error.code
        case (
            asyncpg.InvalidCachedStatementError()
            | asyncpg.InterfaceError()  # also of a connection that was cut
            | asyncpg.InternalClientError()
            | ConnectionError()
            | TimeoutError()
            | socket.gaierror()
        ):
            return "unavailable"
        case OSError() if type(error) is OSError:  # several addresses refused, a full disk
            return "unavailable"
        case asyncpg.PostgresError() if (error.sqlstate or "").startswith(_TEMPORARY):
            return "unavailable"
        case asyncpg.DataError():
            return "bad_request"
        case asyncpg.IntegrityConstraintViolationError():
            return "conflict"
        case HTTPException() if error.status_code < 500:
            return _HTTP_CODES.get(error.status_code, "bad_request")
        case _:
            return "internal"


def _response(request: AnyRequest, error: Exception, code: str, meaning: Meaning) -> Response[Any]:
    """A problem for a program; a page, or a redirect to /login, for a browser."""
    reads_pages = "text/html" in request.headers.get("accept", "")
    if not reads_pages or _PROGRAMS.match(request.scope["path"]):
        language = preferred_language(listed(request.headers, "accept-language"))
        words = Translator(LOCALES[language], *CATALOGUES)
        title, faults = words.gettext(meaning.title), _faults(error, words)
        problem = Problem(f"urn:retour:problem:{code}", title, meaning.status, title, faults)
        return Response(
            msgspec.json.encode(problem),
            status_code=meaning.status,
            media_type=PROBLEM_TYPE,
            headers={"Content-Language": words.locale.replace("_", "-")},
        )
    if isinstance(error, NotSignedInError) and request.method in {"GET", "HEAD"}:
        path, query = quote(request.scope["path"]).encode(), request.scope["query_string"]
        target = path + b"?" + query if query else path
        return Redirect(f"/login?{urlencode({'next': target})}", status_code=303)
    return ErrorPage(request, code, meaning.status)


def _faults(error: Exception, words: Translator) -> list[Fault]:
    match error:
        case BadBodyError():
            return list(error.faults)
        case FieldError():
            return [_field_fault(error, words)]
        case ItemsError():
            return [_field_fault(fault, words) for fault in error.errors[:MOST_FAULTS]]
        case SenderMissingError():
            return [
                Fault(f"/sender/{field}", error.code, words.gettext(wording.LACKING[field]))
                for field in error.fields
            ]
        case ImageError():
            text = words.gettext(wording.IMAGE_FLAWS[error.flaw])
            return [Fault("/file", error.flaw.value, text)]
        case DefinitionError():
            return [
                Fault(
                    f"{error.place}{_pointer(fault.field)}",
                    fault.code,
                    words.gettext(wording.PROBLEMS[fault.code]),
                )
                for fault in error.problems[:MOST_FAULTS]
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
