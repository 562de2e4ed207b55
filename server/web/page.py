"""What every page needs around its content: reader, language, navigation, and the answer itself."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlencode

import msgspec
from litestar import Request, Response
from litestar.datastructures import Cookie, State

from mail.i18n import LOCALES, spoken
from server.access.principals import Principal
from server.access.rights import Action, scope_of
from server.http.form_data import read_form
from server.http.language import preferred_language
from server.http.quality import listed
from server.services import services
from server.web.environment import render
from server.web.methods import READING
from server.web.times import Clock
from sync.database import Tx

AnyRequest: TypeAlias = Request[Any, Any, State]

COOKIE: Final = "language"
_YEAR: Final = 365 * 86_400
#: Where forms lead, and the page in front of each.
_FORMS: Final = re.compile(r"(/tasks/[^/]+|/devices|/refused)/.+")
#: The demonstration's, where the process keeps one.
MAILBOX: Final = "mailbox"
_PLACES: Final = {
    "tasks": Action.TASK_READ,
    "refused": Action.REFUSED_READ,
    "devices": Action.DEVICE_READ,
    "campaigns": Action.CAMPAIGN_READ,
    MAILBOX: Action.MAILBOX_READ,
}
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

    def may(self, action: str) -> bool:
        """Whether whoever reads it may do `action`, by its name. Nobody may who is not known."""
        return self.person is not None and scope_of(self.person.who, Action(action)) is not None


def language_of(request: AnyRequest, own: str | None = None) -> str:
    """The language asked for here, now or before, else the reader's `own`, else the browser's."""
    chosen = request.query_params.get("lang"), request.cookies.get(COOKIE)
    return spoken(*chosen, own) or preferred_language(listed(request.headers, "accept-language"))


def frame_of(language: str) -> Page:
    """The frame of a page that is the same for everybody who reads `language`."""
    others = [one for one in _NAMES if one != language]
    choices = [Choice(one, _NAMES[one], f"?{urlencode({'lang': one})}") for one in others]
    return Page(language, choices, [], None)


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
    language = language_of(request, preferred or (person.language if person else None))
    places = _places(request, person, counts or {})
    return Page(language, _choices(request, language), places, person)


async def read_fields(request: AnyRequest) -> dict[str, str]:
    """The fields of the form that was sent; of several with one name the last.

    :raises BadBodyError: not UTF-8, or U+0000 in it.
    :raises TooLargeError: more fields than any form of ours has.
    """
    return read_form(await request.body())


def clock_for(tx: Tx, page: Page, zone: str) -> Clock:
    """The reader's clock at the time of the transaction."""
    return Clock(tx.now, zone, page.locale)


def respond(
    request: AnyRequest, template: str, page: Page, /, *, status: int = 200, **context: object
) -> Response[str]:
    """The page as an answer; a language chosen just now is remembered for a year."""
    return Response(
        render(template, page.language, page=page, status=status, **context),
        status_code=status,
        media_type="text/html",
        headers={"Content-Language": page.locale.replace("_", "-")},
        cookies=remembering(request, page.language),
    )


def remembering(request: AnyRequest, language: str) -> list[Cookie]:
    """The cookie that keeps `language` for a year, where it was chosen just now."""
    if not spoken(request.query_params.get("lang")):
        return []
    return [Cookie(COOKIE, value=language, max_age=_YEAR, samesite="lax", httponly=True)]


def _choices(request: AnyRequest, current: str) -> list[Choice]:
    kept = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
    form = None if request.method in READING else _FORMS.fullmatch(request.scope["path"])
    here = quote(form[1]) if form else ""
    return [
        Choice(language, name, f"{here}?{urlencode([*kept, ('lang', language)])}")
        for language, name in _NAMES.items()
        if language != current
    ]


def _places(
    request: AnyRequest, person: Principal | None, counts: Mapping[str, int]
) -> list[Place]:
    """What leads further from every page; only where `person` may go, and nowhere for nobody."""
    if person is None:
        return []
    first = request.scope["path"].split("/")[1]
    return [
        Place(name, f"/{name}", name == first, counts.get(name, 0))
        for name, action in _PLACES.items()
        if scope_of(person.who, action) is not None
        and (name != MAILBOX or services(request).mailbox is not None)
    ]
