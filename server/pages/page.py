"""What every page needs around its content: reader, language, navigation, and the answer itself."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie, State
from litestar.enums import RequestEncodingType

from mail.i18n import LOCALES, negotiate
from server.auth import Principal
from server.errors import BadBodyError, TooLargeError
from server.pages.environment import render
from server.pages.reading import READING
from server.pages.times import Clock
from server.pairs import check_text, read_pairs
from sync.database import Tx

AnyRequest: TypeAlias = Request[Any, Any, State]

COOKIE: Final = "language"
FRENCH: Final = "fr"
#: Parts of a multipart form; the parser's own limit.
MOST_PARTS: Final = 1000
_YEAR: Final = 365 * 86_400
#: Where forms lead, and the page in front of each.
_FORMS: Final = re.compile(r"(/tasks/[^/]+|/devices|/refused)/.+")
_NAMES: Final = {"fr": "Français", "en": "English"}


class Place(msgspec.Struct, frozen=True):
    """One entry of the navigation; `current` where the reader is inside it.

    `count`: how much waits there.
    """

    name: str
    path: str
    current: bool
    count: int = 0


class Choice(msgspec.Struct, frozen=True):
    """A language that the reader may change to, by its own name."""

    language: str
    name: str
    url: str


class Page(msgspec.Struct, frozen=True):
    """The frame of one page. `person` is None where nobody is signed in."""

    language: str
    languages: list[Choice]
    places: list[Place]
    person: Principal | None

    @property
    def locale(self) -> str:
        """The reader's locale, such as fr_CA."""
        return LOCALES[self.language]


def known(language: str | None) -> str | None:
    """`language` as "fr" or "en" where Retour speaks it, else None. Takes fr_CA too."""
    short = (language or "")[:2]
    return short if short in LOCALES else None


def chosen(request: AnyRequest) -> str | None:
    """The language that this reader asked for, now or before."""
    return known(request.query_params.get("lang")) or known(request.cookies.get(COOKIE))


def frame(
    request: AnyRequest,
    person: Principal | None = None,
    preferred: str | None = None,
    counts: Mapping[str, int] | None = None,
) -> Page:
    """The frame of this request's page: in the language asked for here, else the reader's own.

    Its own is `preferred`, else the person's, else the browser's, else French. `counts`: how
    much waits in which place.
    """
    own = preferred or (person.language if person else None)
    spoken = negotiate(request.headers.get("accept-language", ""), own)
    language = chosen(request) or known(spoken) or FRENCH
    return Page(language, _choices(request, language), _places(request, counts or {}), person)


async def read_fields(request: AnyRequest) -> dict[str, str]:
    """The fields of the form that was sent; of several with one name the last.

    :raises BadBodyError: not UTF-8, U+0000, a file, or parts in an unknown character set.
    :raises TooLargeError: more than `MOST_PARTS` parts.
    """
    kind, parameters = request.content_type
    body = await request.body()
    if kind != RequestEncodingType.MULTI_PART:
        return dict(read_pairs(body)) if kind == RequestEncodingType.URL_ENCODED else {}
    if body.count(b"\r\n--" + parameters.get("boundary", "").encode()) > MOST_PARTS:
        raise TooLargeError
    return await _read_parts(request)


async def _read_parts(request: AnyRequest) -> dict[str, str]:
    try:
        parts = await request.form()
    except (UnicodeDecodeError, LookupError):
        raise BadBodyError from None
    fields = dict(parts.multi_items())
    if not all(isinstance(value, str) for value in fields.values()):
        raise BadBodyError
    check_text(*fields, *fields.values())
    return fields


def clock_for(tx: Tx, page: Page, zone: str) -> Clock:
    """The reader's clock at the time of the transaction."""
    return Clock(tx.now, zone, page.locale)


def respond(
    request: AnyRequest, template: str, page: Page, /, *, status: int = 200, **context: object
) -> Response[str]:
    """The page as an answer; a language chosen just now is remembered for a year."""
    cookies = []
    if known(request.query_params.get("lang")):
        cookies.append(
            Cookie(COOKIE, value=page.language, max_age=_YEAR, samesite="lax", httponly=True)
        )
    return Response(
        render(template, page.language, page=page, status=status, **context),
        status_code=status,
        media_type="text/html",
        headers={"Content-Language": page.locale.replace("_", "-")},
        cookies=cookies,
    )


def _choices(request: AnyRequest, current: str) -> list[Choice]:
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
    form = None if request.method in READING else _FORMS.fullmatch(request.scope["path"])
    here = quote(form[1]) if form else ""
    return [
        Choice(language, name, f"{here}?{urlencode([*kept, ('lang', language)])}")
        for language, name in _NAMES.items()
        if language != current
    ]


def _places(request: AnyRequest, counts: Mapping[str, int]) -> list[Place]:
    names = ["tasks", "refused", "devices", "campaigns"]
    if request.app.state.get("mailbox") is not None:
        names.append("mailbox")
    first = request.scope["path"].split("/")[1]
    return [Place(name, f"/{name}", name == first, counts.get(name, 0)) for name in names]
