"""The network address of a request's client, behind the proxies that the settings name."""

import logging
import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final, TypeAlias

from litestar.connection import ASGIConnection
from litestar.datastructures import Headers

AnyConnection: TypeAlias = ASGIConnection[Any, Any, Any, Any]
Address: TypeAlias = IPv4Address | IPv6Address

LOG: Final = logging.getLogger("retour.peers")
#: Characters that are used of an entry that is no address; a header may hold thousands.
_LONGEST: Final = 100
#: `192.0.2.7:5555`, `[2001:db8::1]`, `[2001:db8::1]:5555`: as Azure, IIS and Forwarded write them.
_WITH_PORT: Final = re.compile(r"\[(?P<v6>[^\]]*)\](?::\d+)?|(?P<v4>[^:]*):\d+")

_UNTRUSTED: Final = (
    "X-Forwarded-For came from %s, which RETOUR_TRUSTED_PROXIES does not name: it is not believed."
    " If that is your proxy, name it, or everybody behind it shares one limit of attempts"
)
_SILENT: Final = (
    "%s, which RETOUR_TRUSTED_PROXIES names, forwards without X-Forwarded-For: everybody behind it"
    " shares one limit of attempts"
)
_UNREADABLE: Final = "X-Forwarded-For holds an entry that is no address: %r counts by itself"


class Peers:
    """Finds the address of a client. Each kind of bad header is logged once per process.

    X-Forwarded-For is trusted only from a proxy that the settings name, and only its last entry
    that is not such a proxy: the client itself may have written the entries before.
    """

    def __init__(self, trusted: str) -> None:
        """`trusted`: addresses and networks, separated by commas."""
        self._proxies = [ip_network(part.strip()) for part in trusted.split(",") if part.strip()]
        self._warned: set[str] = set()

    def named(self, connection: AnyConnection) -> str:
        """The client's address as text; an entry that is no address as it was written."""
        direct = connection.client.host if connection.client else ""
        forwarded = ",".join(connection.headers.getall("x-forwarded-for", []))
        hops = [direct, *(hop for part in reversed(forwarded.split(",")) if (hop := part.strip()))]
        for hop in hops:
            address = read_address(hop)
            if address is None:
                self._warn_once(_UNREADABLE, hop[:_LONGEST])
                return hop[:_LONGEST]
            if not self._trusts(address):
                return str(address)
        if len(hops) == 1:
            self._warn_once(_SILENT, direct)
        return str(address)

    def network_of(self, connection: AnyConnection) -> str:
        """The address that attempts are counted for: of IPv6 the /64 that one subscriber has."""
        address = read_address(self.named(connection))
        if isinstance(address, IPv6Address):
            return str(IPv6Network((int(address), 64), strict=False))
        return self.named(connection) if address is None else str(address)

    def watch(self, headers: Headers, client: str) -> None:
        """Log a forwarding header that is ignored because `client` is no trusted proxy."""
        if _UNTRUSTED not in self._warned and "x-forwarded-for" in headers:
            address = read_address(client)
            if address is None or not self._trusts(address):
                self._warn_once(_UNTRUSTED, client)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)

    def _warn_once(self, message: str, address: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            LOG.warning(message, address)


def read_address(text: str) -> Address | None:
    """The address of a header's entry, with or without a port; None where it holds none.

    An IPv4-mapped IPv6 address (`::ffff:192.0.2.7`) is read as IPv4.
    """
    found = _WITH_PORT.fullmatch(text)
    if found is not None:
        text = found["v6"] or found["v4"] or ""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
