"""Refuses foreign Host headers: a forged one must not reach a link, a cache or a redirect."""

import re
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from server.http.problems import WrongHostError

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
#: Paths without this check: load balancers and Prometheus may use a numeric address, and the
#: answers contain no links.
PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
LAST_PORT: Final = 65_535
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


class Hosts(msgspec.Struct, frozen=True):
    """Hosts that are served. `exact`: names with their port. `anywhere`: names at any port."""

    exact: frozenset[tuple[str, int]]
    anywhere: frozenset[str]
    scheme: str

    @classmethod
    def of(cls, origin: str, further: str) -> Self:
        """`origin`: scheme://host:port. `further`: hosts, with or without port, by commas."""
        scheme = urlsplit(origin).scheme
        own, port = _split(origin.partition("://")[2].rstrip("/"))
        named = [_split(text.strip()) for text in further.split(",") if text.strip()]
        exact = {(own, port or _DEFAULT_PORTS.get(scheme, 80))}
        exact |= {(name, port) for name, port in named if port is not None}
        anywhere = frozenset(name for name, port in named if port is None)
        return cls(frozenset(exact), anywhere, scheme)

    def know(self, host: str) -> bool:
        """Tell whether the value of a Host header is served, in any letter case."""
        try:
            name, port = _split(host)
        except ValueError:
            return False
        effective = _DEFAULT_PORTS.get(self.scheme, 80) if port is None else port
        return name in self.anywhere or (name, effective) in self.exact

    def know_origin(self, origin: str) -> bool:
        """Tell whether the value of an Origin header is served."""
        scheme, separator, host = origin.partition("://")
        return bool(separator) and scheme == self.scheme and self.know(host)


def _split(host: str) -> tuple[str, int | None]:
    """:raises ValueError: not a host, with a port or without."""
    found = _HOST.fullmatch(host.lower())
    if found is None or int(found["port"] or 0) > LAST_PORT:
        raise ValueError("not a host")
    return found["name"], int(found["port"]) if found["port"] else None


def check_host(app: ASGIApp, hosts: Hosts) -> ASGIApp:
    """`app`, for probes and for requests with exactly one Host header, which names one of `hosts`.

    :raises WrongHostError: any other request.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in PROBES:
            named = [value for name, value in scope["headers"] if name == b"host"]
            if len(named) != 1 or not hosts.know(named[0].decode("latin-1")):
                raise WrongHostError
        await app(scope, receive, send)

    return checked
