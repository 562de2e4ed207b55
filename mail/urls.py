"""A strict parser for URLs of servers (RFC 3986).

Other parsers are lenient: in `smtp://u@x.ca:p@ss#1@mail:587` they find the host `ss`. Here a
character that could end a part must be escaped, and errors do not contain the URL, which may have
a password.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from mail.wording import Phrase, WordedError, _

LAST_PORT: Final = 65_535

_URL: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+]*)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(\?(?P<query>[^#]*))?",
    re.IGNORECASE,
)
_HOST: Final = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<name>[\w.-]+))(?::(?P<port>[0-9]{1,5}))?")
_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")

ESCAPES: Final = Phrase(
    _("in a user or password write @ as %40, # as %23, / as %2F, ? as %3F and % as %25")
)


class UrlError(WordedError):
    """Not the URL of a server; the text says why, and contains no part of it."""


class Host(Struct, frozen=True):
    """A name or address without brackets, and a port if there is one."""

    name: str
    port: int | None


class ServerUrl(Struct, frozen=True):
    """The parts of a URL, without escapes; empty for those that are missing."""

    scheme: str
    hosts: list[Host]
    user: str
    password: str
    path: str
    query: str


def read_url(url: str) -> ServerUrl:
    """Parse `url`, which may have several hosts, separated by commas.

    :raises UrlError: it cannot be parsed, or in more than one way.
    """
    if not url.isprintable() or " " in url:
        raise UrlError(_("must hold no blanks and no control characters"))
    if "#" in url:
        raise UrlError(_("must hold no #: %(escapes)s"), escapes=ESCAPES)
    found = _URL.fullmatch(url)
    if found is None:
        raise UrlError(_("must be written scheme://host"))
    path, query = found["path"] or "", found["query"] or ""
    authority = found["authority"]
    if authority.count("@") > 1:
        raise UrlError(_("must hold @ once at most: %(escapes)s"), escapes=ESCAPES)
    if "@" in path + query:
        raise UrlError(_("must hold no / or ? before the @: %(escapes)s"), escapes=ESCAPES)
    credentials, _at, hosts_text = authority.rpartition("@")
    user, _colon, password = credentials.partition(":")
    if password and not user:
        raise UrlError(_("must name the user whom the password is of"))
    try:
        hosts = [read_host(text) for text in hosts_text.split(",")] if hosts_text else []
    except UrlError as error:
        raise UrlError(_("%(fault)s; %(escapes)s"), fault=error.phrase, escapes=ESCAPES) from None
    return ServerUrl(
        found["scheme"].lower(), hosts, _plain(user), _plain(password), _plain(path), query
    )


def read_host(text: str) -> Host:
    """Parse a host with or without port: `mail.example:587`, `[2001:db8::1]`.

    :raises UrlError: anything else.
    """
    found = _HOST.fullmatch(text)
    if found is None:
        raise UrlError(
            _("must name a host, or host:port; a user before it ends with @, and %(escapes)s"),
            escapes=ESCAPES,
        )
    if found["v6"] is not None:
        try:
            IPv6Address(found["v6"])
        except AddressValueError:
            raise UrlError(_("must hold an address of IPv6 between [ and ]")) from None
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 1 <= port <= LAST_PORT:
        raise UrlError(_("must have a port from 1 to %(last)s"), last=LAST_PORT)
    return Host(found["v6"] or found["name"], port)


def _plain(text: str) -> str:
    if _ESCAPE.search(text):
        raise UrlError(_("must follow each %% by two digits: %(escapes)s"), escapes=ESCAPES)
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise UrlError(_("must hold escapes of UTF-8")) from None
