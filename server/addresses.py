"""Checks the addresses in settings.

The text of an error follows the name of its setting, and does not contain the value, which may hold
a password.
"""

import re
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from mail.smtp.address import ServerError, parse_server
from mail.urls import ServerUrl, UrlError, read_host, read_url
from mail.wording import WordedError, _

_DATABASES: Final = frozenset({"postgresql", "postgres"})
_BROKERS: Final = frozenset({"amqp", "amqps", "redis", "rediss"})
_MEMORY: Final = "memory://"
#: A host's name in the ASCII form that browsers send.
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*\.?")
_SCHEMES: Final = ("http", "https")
_SUCH_AS: Final = _("%(fault)s, such as %(example)s")
#: A host with or without port: no path, query or user.
_PLACE: Final = re.compile(r"[^\s/?#@]+")


class AddressError(WordedError):
    """The text says what the setting must be."""


def read_origin(text: str) -> str:
    """Scheme, host and port in lower case, as browsers send them.

    :raises AddressError: anything else, or more.
    """
    scheme, separator, host = text.lower().partition("://")
    if not separator or scheme not in _SCHEMES or not _PLACE.fullmatch(host):
        raise AddressError(
            _("must be scheme, host and port alone, such as https://retour.firm.example")
        )
    return f"{scheme}://{check_host(host)}"


def is_loopback(origin: str) -> bool:
    """Whether only the machine itself reaches `origin`."""
    name = urlsplit(origin).hostname or ""
    with suppress(ValueError):
        return ip_address(name).is_loopback
    return name == "localhost" or name.endswith(".localhost")


def check_host(text: str) -> str:
    """A value of Host in lower case.

    :raises AddressError: not a host in the form that browsers send, or an invalid port.
    """
    lowered = text.lower()
    try:
        host = read_host(lowered)
    except UrlError as error:
        raise AddressError(_SUCH_AS, fault=error.phrase, example="retour.firm.example") from None
    if "[" not in lowered and not _NAME.fullmatch(host.name):
        raise AddressError(
            _(
                "must be hosts, such as retour.firm.example, each with or without :port, names of"
                " other letters in their xn-- form"
            )
        )
    return lowered


def check_proxies(texts: list[str]) -> None:
    """Check addresses and networks of proxies.

    :raises AddressError: not an address or a network, or one that no peer or every peer has.
    """
    for text in texts:
        network = _network(text)
        if not network.prefixlen:
            raise AddressError(
                _("must not name all addresses (%(text)s): anybody could then say who they are"),
                text=text,
            )
        if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped:
            raise AddressError(
                _("must name %(text)s as an address of IPv4: peers are told apart so"), text=text
            )


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise AddressError(
            _("must be addresses or networks by commas: %(text)s is neither"), text=text
        ) from None
    host = text.partition("/")[0]
    if ip_address(host) != network.network_address:
        raise AddressError(
            _("must be addresses or networks by commas: %(text)s has host bits, %(network)s none"),
            text=text,
            network=network,
        )
    return network


def check_database(url: str) -> None:
    """Check the owner's address of a PostgreSQL database; an empty one is valid.

    :raises AddressError: not an unambiguous address, or one without a database.
    """
    if not url:
        return
    parts = _parts(url, _DATABASES, "postgresql://user:password@host/database")
    if not parts.path.strip("/"):
        raise AddressError(
            _("must name a database, such as %(example)s"),
            example="postgresql://user:password@host/retour",
        )


def check_broker(url: str) -> None:
    """Check the address of a broker.

    :raises AddressError: not an unambiguous address, or one without a host.
    """
    if url == _MEMORY:
        return
    such = "amqp://user:password@host or redis://host"
    if not _parts(url, _BROKERS, such).hosts:
        raise AddressError(_("must name a host, such as %(example)s"), example=such)


def _parts(url: str, schemes: frozenset[str], such: str) -> ServerUrl:
    """The parts of `url`. `such`: an example for the text of errors."""
    try:
        parts = read_url(url)
    except UrlError as error:
        raise AddressError(_SUCH_AS, fault=error.phrase, example=such) from None
    if parts.scheme not in schemes:
        raise AddressError(
            _("must start with one of %(schemes)s, such as %(example)s"),
            schemes=", ".join(f"{scheme}://" for scheme in sorted(schemes)),
            example=such,
        )
    return parts


def check_mail_server(url: str) -> None:
    """Check the address of a mail server.

    :raises AddressError: not an address, or one with which a password would be sent in clear text
        to another machine.
    """
    try:
        parse_server(url)
    except ServerError as error:
        such = "smtp+starttls://user:password@mail.firm.example:587"
        raise AddressError(_SUCH_AS, fault=error.phrase, example=such) from None
