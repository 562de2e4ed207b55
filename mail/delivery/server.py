"""The address of an SMTP server, as one URL."""

from typing import Final, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

from msgspec import Struct

Security: TypeAlias = Literal["none", "starttls", "tls"]

_SCHEMES: Final[dict[str, tuple[Security, int]]] = {
    "smtp": ("none", 25),
    "smtp+starttls": ("starttls", 587),
    "smtps": ("tls", 465),
}


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

    :raises ServerError: for anything else.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ServerError("the port of the SMTP server is no number") from None
    if parts.scheme not in _SCHEMES or not host:
        raise ServerError(f"an SMTP server is written {', '.join(_SCHEMES)} ://host:port")
    security, usual = _SCHEMES[parts.scheme]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return SmtpServer(host, usual if port is None else port, security, user, password)
