"""The frame of every page: reader, language and navigation; and the response with the page."""

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
from server.http.negotiation import listed, preferred_language
from server.services import services
from server.web.environment import render
from server.web.methods import READING
from server.web.times import Clock
from sync.database import Tx

AnyRequest: TypeAlias = Request[Any, Any, State]

COOKIE: Final = "language"
_YEAR: Final = 365 * 86_400
#: Paths that only take forms, and the page above each, where another language is chosen.
_FORMS: Final = re.compile(
    r"(/tasks/[^/]+/(?:survey|round)|/tasks/[^/]+|/follow-ups/[^/]+|/refused/[^/]+|/sends/[^/]+"
    r"|/campaigns/[^/]+|/devices|/calendar|/addresses(?=/add$|/[0-9a-f-]{36}/address$))/.+"
)
#: The page of the demo's mails; shown only where the process has a mailbox.
MAILBOX: Final = "mailbox"
#: The pages that the navigation leads to, and what a reader must be allowed to do there.
_NAVIGATION: Final = {
    "tasks": Action.TASK_READ,
    "follow-ups": Action.FOLLOW_UP_READ,
    "sends": Action.SEND_READ,
    "refused": Action.REFUSED_READ,
    "devices": Action.DEVICE_READ,
    "campaigns": Action.CAMPAIGN_READ,
    "addresses": Action.SUPPRESSION_READ,
    "calendar": Action.CALENDAR_READ,
    MAILBOX: Action.MAILBOX_READ,
}
_LANGUAGES: Final = {"fr": "Français", "en": "English"}


class NavigationEntry(msgspec.Struct, frozen=True):
    """A link of the navigation; `current`: the reader is on that page or below it.

    `count`: how many items there wait for somebody.
    """

    name: str
    path: str
    current: bool
    count: int = 0


class LanguageChoice(msgspec.Struct, frozen=True):
    """A link to the page in another language, with that language's own name."""

    language: str
    name: str
    url: str


class Page(msgspec.Struct, frozen=True):
    """The frame of one page. `person`: None where nobody is signed in.

    `hours_ahead`: by how much the clock of the demonstration was moved. `stopped`: why the account
    sends nothing, None where it does.
    """

    language: str
    languages: list[LanguageChoice]
    navigation: list[NavigationEntry]
    person: Principal | None
    hours_ahead: int = 0
    stopped: str | None = None

    @property
    def locale(self) -> str:
        """The reader's locale, such as fr_CA."""
        return LOCALES[self.language]

    def count_of(self, name: str) -> int:
        """How many items wait on a page of the navigation."""
        return next((entry.count for entry in self.navigation if entry.name == name), 0)

    def may(self, action: str) -> bool:
        """Whether the reader may do `action`, by its name; false where nobody is signed in."""
        return self.person is not None and scope_of(self.person.who, Action(action)) is not None


def language_of(request: AnyRequest, own: str | None = None) -> str:
    """The language of the URL, else of the cookie, else the reader's `own`, else the browser's."""
    chosen = request.query_params.get("lang"), request.cookies.get(COOKIE)
    return spoken(*chosen, own) or preferred_language(listed(request.headers, "accept-language"))


def frame_of(language: str) -> Page:
    """The frame of a page without a reader, in `language`."""
    choices = [
        LanguageChoice(other, name, f"?{urlencode({'lang': other})}")
        for other, name in _LANGUAGES.items()
        if other != language
    ]
    return Page(language, choices, [], None)


def frame(
    request: AnyRequest,
    person: Principal | None = None,
    preferred: str | None = None,
    counts: Mapping[str, int] | None = None,
) -> Page:
    """The frame of this request's page, in the language of its URL or cookie, else the reader's.

    The reader's is `preferred`, else the person's, else the browser's, else French. `counts`: the
    waiting items of each page of the navigation.
    """
    current = language_of(request, preferred or (person.language if person else None))
    params = [(key, value) for key, value in request.query_params.multi_items() if key != "lang"]
    path = "" if request.method in READING else _page_of_form(request)
    choices = [
        LanguageChoice(language, name, f"{path}?{urlencode([*params, ('lang', language)])}")
        for language, name in _LANGUAGES.items()
        if language != current
    ]
    entries = []
    if person is not None:
        first = request.scope["path"].split("/")[1]
        entries = [
            NavigationEntry(name, f"/{name}", name == first, (counts or {}).get(name, 0))
            for name, action in _NAVIGATION.items()
            if scope_of(person.who, action) is not None
            and (name != MAILBOX or services(request).mailbox is not None)
        ]
    return Page(current, choices, entries, person)


def _page_of_form(request: AnyRequest) -> str:
    """The path of the page above a path that only takes forms; empty for other paths."""
    form = _FORMS.fullmatch(request.scope["path"])
    return quote(form[1]) if form else ""


def page_above(request: AnyRequest) -> str:
    """The page whose form was sent, with the parameters of the URL; empty for other paths."""
    path, query = _page_of_form(request), urlencode(list(request.query_params.multi_items()))
    return f"{path}?{query}" if path and query else path


async def read_fields(request: AnyRequest) -> dict[str, str]:
    """The fields of the form in the body; of several with one name the last.

    :raises BadBodyError: not UTF-8, or U+0000 in it.
    :raises TooLargeError: more fields than any form of ours has.
    """
    return read_form(await request.body())


def clock_for(tx: Tx, page: Page, zone: str) -> Clock:
    """A clock for `page` in `zone` that shows the time of the transaction as now."""
    return Clock(tx.now, zone, page.locale)


def respond(
    request: AnyRequest, template: str, page: Page, /, *, status: int = 200, **context: object
) -> Response[str]:
    """The response with `template`; it sets the language cookie where the URL chose a language."""
    return Response(
        render(template, page.language, page=page, status=status, **context),
        status_code=status,
        media_type="text/html",
        headers={"Content-Language": page.locale.replace("_", "-")},
        cookies=remembering(request, page.language),
    )


def remembering(request: AnyRequest, language: str) -> list[Cookie]:
    """The cookie that stores `language` for a year, where the URL chose one; else nothing."""
    if not spoken(request.query_params.get("lang")):
        return []
    return [Cookie(COOKIE, value=language, max_age=_YEAR, samesite="lax", httponly=True)]
