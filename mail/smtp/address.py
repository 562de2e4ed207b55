"""The address of an SMTP server, as one URL, and what we call ourselves there."""

from ipaddress import ip_address
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

from mail.urls import UrlError, read_url

Security: TypeAlias = Literal["none", "starttls", "tls"]

_SCHEMES: Final[dict[str, tuple[Security, int]]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}
#: An address literal (RFC 5321, 4.1.3), for a machine that has no name that others could know.
NAMELESS: Final = "[127.0.0.1]"


class ServerError(ValueError):
    """Not the address of an SMTP server; the text says what to write, without the password."""


class SmtpServer(Struct, frozen=True):
    """Where mails are handed over. `user` empty: no login."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = ""


def parse_server(url: str) -> SmtpServer:
    """Read smtp://, smtp+starttls:// or smtps://, each [user:password@]host[:port].

    :raises ServerError: for anything else, and for a password that would cross a network in clear.
    """
    try:
        parts = read_url(url)
    except UrlError as error:
        raise ServerError(str(error)) from None
    if parts.scheme not in _SCHEMES or len(parts.hosts) != 1:
        raise ServerError(f"must have one of the schemes {', '.join(_SCHEMES)}, and name one host")
    if parts.path not in {"", "/"} or parts.query:
        raise ServerError("must end after host and port")
    if bool(parts.user) != bool(parts.password):
        raise ServerError("must name both a user and a password, or none")
    security, usual = _SCHEMES[parts.scheme]
    [host] = parts.hosts
    if parts.password and security == "none" and not _is_this_machine(host.name):
        raise ServerError(
            "would send the password in clear to another machine: use smtp+starttls:// or smtps://"
        )
    return SmtpServer(host.name, host.port or usual, security, parts.user, parts.password)


def our_name(told: str, origin: str) -> str:
    """The name to greet mail servers with: a host with a domain, or an address literal.

    It is what we were `told`, else the host that we are reached at.
    """
    host = told or urlsplit(origin).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host if "." in host or told else NAMELESS
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
