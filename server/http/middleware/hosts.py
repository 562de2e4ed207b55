"""Only answer to our own names: a forged Host must not reach a link, a cache or a redirect."""

import re
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from server.http.problems import WrongHostError

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
#: Answered by any name: load balancers and Prometheus ask by number, and the answers name nothing.
PROBES: Final = frozenset({"/health", "/ready", "/metrics"})
LAST_PORT: Final = 65_535
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


class Hosts(msgspec.Struct, frozen=True):
    """Names that are ours: with a port only there, without one at any port."""

    exact: frozenset[tuple[str, int]]
    anywhere: frozenset[str]
    scheme: str

    @classmethod
    def of(cls, origin: str, further: str) -> Self:
        """`origin`: scheme://host:port. `further`: hosts, each with or without port, by commas."""
        scheme = urlsplit(origin).scheme
        named = [_split(text.strip()) for text in further.split(",") if text.strip()]
        exact = {_with_port(origin)} | {(host, port) for host, port in named if port is not None}
        return cls(frozenset(exact), frozenset(h for h, port in named if port is None), scheme)

    def know(self, host: str) -> bool:
        """Tell whether the value of a Host header is ours; letter case does not matter."""
        try:
            name, port = _split(host)
        except ValueError:
            return False
        effective = _DEFAULT_PORTS.get(self.scheme, 80) if port is None else port
        return name in self.anywhere or (name, effective) in self.exact

    def know_origin(self, origin: str) -> bool:
        """Tell whether the value of an Origin header is ours."""
        scheme, separator, host = origin.partition("://")
        return bool(separator) and scheme == self.scheme and self.know(host)


def _split(host: str) -> tuple[str, int | None]:
    """:raises ValueError: not a host, with a port or without."""
    found = _HOST.fullmatch(host.lower())
    if found is None or int(found["port"] or 0) > LAST_PORT:
        raise ValueError("not a host")
    return found["name"], int(found["port"]) if found["port"] else None


def _with_port(origin: str) -> tuple[str, int]:
    scheme, _, host = origin.partition("://")
    name, port = _split(host.rstrip("/"))
    return name, port or _DEFAULT_PORTS.get(scheme, 80)


def check_host(app: ASGIApp, hosts: Hosts) -> ASGIApp:
    """Let a request through when it has exactly one Host header and it is ours; probes always.

    :raises WrongHostError: otherwise.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in PROBES and not _is_ours(scope, hosts):
            raise WrongHostError
        await app(scope, receive, send)

    return checked


def _is_ours(scope: Scope, hosts: Hosts) -> bool:
    named = [value for name, value in scope["headers"] if name == b"host"]
    return len(named) == 1 and hosts.know(named[0].decode("latin-1"))
