"""The URL of an SMTP server, and our name for EHLO."""

from contextlib import suppress
from ipaddress import ip_address
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from mail.urls import UrlError, read_url
from mail.wording import WordedError, _

Security: TypeAlias = Literal["none", "starttls", "tls"]

_SCHEMES: Final[dict[str, tuple[Security, int]]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
#: An address literal (RFC 5321, 4.1.3), for a machine without a public name.
NAMELESS: Final = "[127.0.0.1]"


class ServerError(WordedError):
    """A URL that is not of an SMTP server; the text explains it without the password."""


class SmtpServer(Struct, frozen=True):
    """The server that accepts our mails. `user`: empty for no login."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = ""


def parse_server(url: str) -> SmtpServer:
    """Parse smtp://, smtp+starttls:// or smtps://, each [user:password@]host[:port].

    :raises ServerError: anything else, or a password that would cross a network unencrypted.
    """
    try:
        parts = read_url(url)
    except UrlError as error:
        raise ServerError(error.phrase.text, **error.phrase.values) from None
    if parts.scheme not in _SCHEMES or len(parts.hosts) != 1:
        raise ServerError(
            _("must have one of the schemes %(schemes)s, and name one host"),
            schemes=", ".join(_SCHEMES),
        )
    if parts.path not in {"", "/"} or parts.query:
        raise ServerError(_("must end after host and port"))
    if bool(parts.user) != bool(parts.password):
        raise ServerError(_("must name both a user and a password, or none"))
    security, default_port = _SCHEMES[parts.scheme]
    [host] = parts.hosts
    is_local = host.name.lower() == "localhost"
    with suppress(ValueError):
        is_local = ip_address(host.name).is_loopback
    if parts.password and security == "none" and not is_local:
        raise ServerError(
            _(
                "would send the password in clear to another machine: use smtp+starttls:// or"
                " smtps://"
            )
        )
    return SmtpServer(host.name, host.port or default_port, security, parts.user, parts.password)


def our_name(configured: str, origin: str) -> str:
    """Return the name for EHLO: a host with a domain, or an address literal.

    It is the `configured` one, else the host of `origin`.
    """
    host = configured or urlsplit(origin).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host if "." in host or configured else NAMELESS
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"
