"""Checks the addresses in settings.

The text of an error follows the name of its setting, and does not contain the value, which may hold
a password.
"""

import re
from ipaddress import IPv6Network, ip_network
from typing import Final

from mail.smtp.address import parse_server
from mail.urls import ServerUrl, UrlError, read_host, read_url

_DATABASES: Final = frozenset({"postgresql", "postgres"})
_BROKERS: Final = frozenset({"amqp", "amqps", "redis", "rediss"})
_MEMORY: Final = "memory://"
#: A host's name in the ASCII form that browsers send.
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*\.?")
_SCHEMES: Final = ("http", "https")
#: A host with or without port: no path, query or user.
_PLACE: Final = re.compile(r"[^\s/?#@]+")


class AddressError(ValueError):
    """The text says what the setting must be."""


def read_origin(text: str) -> str:
    """Scheme, host and port in lower case, as browsers send them.

    :raises AddressError: anything else, or more.
    """
    scheme, separator, host = text.lower().partition("://")
    if not separator or scheme not in _SCHEMES or not _PLACE.fullmatch(host):
        raise AddressError(
            "must be scheme, host and port alone, such as https://retour.firm.example"
        )
    return f"{scheme}://{check_host(host)}"


def check_host(text: str) -> str:
    """A value of Host in lower case.

    :raises AddressError: not a host in the form that browsers send, or an invalid port.
    """
    lowered = text.lower()
    try:
        host = read_host(lowered)
    except UrlError as error:
        raise AddressError(f"{error}, such as retour.firm.example") from None
    if "[" not in lowered and not _NAME.fullmatch(host.name):
        raise AddressError(
            "must be hosts, such as retour.firm.example, each with or without :port, names of other"
            " letters in their xn-- form"
        )
    return lowered


def check_proxies(texts: list[str]) -> None:
    """Check addresses and networks of proxies.

    :raises AddressError: not an address or a network, or one that no peer or every peer has.
    """
    for text in texts:
        try:
            network = ip_network(text)
        except ValueError as error:
            raise AddressError(f"must be addresses or networks by commas: {error}") from None
        if not network.prefixlen:
            raise AddressError(
                f"must not name all addresses ({text}): anybody could then say who they are"
            )
        if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped:
            raise AddressError(f"must name {text} as an address of IPv4: peers are told apart so")


def check_database(url: str) -> None:
    """Check the owner's address of a PostgreSQL database; an empty one is valid.

    :raises AddressError: not an unambiguous address, or one without a database.
    """
    if not url:
        return
    parts = _parts(url, _DATABASES, "postgresql://user:password@host/database")
    if not parts.path.strip("/"):
        raise AddressError("must name a database, such as postgresql://user:password@host/retour")


def check_broker(url: str) -> None:
    """Check the address of a broker.

    :raises AddressError: not an unambiguous address, or one without a host.
    """
    if url == _MEMORY:
        return
    such = "amqp://user:password@host or redis://host"
    if not _parts(url, _BROKERS, such).hosts:
        raise AddressError(f"must name a host, such as {such}")


def _parts(url: str, schemes: frozenset[str], such: str) -> ServerUrl:
    """The parts of `url`. `such`: an example for the text of errors."""
    try:
        parts = read_url(url)
    except UrlError as error:
        raise AddressError(f"{error}; such as {such}") from None
    if parts.scheme not in schemes:
        raise AddressError(f"must start with {'://, '.join(sorted(schemes))}://, such as {such}")
    return parts


def check_mail_server(url: str) -> None:
    """Check the address of a mail server.

    :raises AddressError: not an address, or one with which a password would be sent in clear text
        to another machine.
    """
    try:
        parse_server(url)
    except ValueError as error:
        such = "smtp+starttls://user:password@mail.firm.example:587"
        raise AddressError(f"{error}, such as {such}") from None
