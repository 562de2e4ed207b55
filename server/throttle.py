"""Slow guessing down without ever locking anybody out.

Each bucket lets a burst through and then one attempt an interval (a sliding window, kept as the
time at which the bucket is empty again). An attempt that is refused does not count.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

import msgspec
from litestar import Request

from server.errors import ThrottledError
from server.settings import Settings
from sync.database import Tx, tx

AnyRequest = Request[Any, Any, Any]


class Rate(msgspec.Struct, frozen=True):
    """`burst` attempts at once, refilled evenly over `window`."""

    burst: int
    window: timedelta

    @property
    def interval(self) -> timedelta:
        """The time after which one more attempt counts."""
        return self.window / self.burst


class Bucket(msgspec.Struct, frozen=True):
    """What attempts are counted for. `name` may be personal: only its hash is stored."""

    name: str
    rate: Rate

    @property
    def key(self) -> bytes:
        """What is stored of the name."""
        return hashlib.sha256(self.name.encode()).digest()


QUARTER: Final = timedelta(minutes=15)
PER_PERSON_AND_PEER: Final = Rate(10, QUARTER)
PER_BROWSER: Final = Rate(10, QUARTER)
PER_PERSON: Final = Rate(100, QUARTER)
PER_PEER: Final = Rate(60, QUARTER)
GUESSES: Final = Rate(60, QUARTER)

#: One row a bucket. `window_start`: when it will be empty; `hits`: attempts since it last was.
#: Rows of the same call are taken in the order of their keys, so that two calls cannot deadlock.
_TAKE: Final = """
INSERT INTO throttle (bucket, window_start, hits) VALUES ($1, $2::timestamptz + $3::interval, 1)
ON CONFLICT (bucket) DO UPDATE SET
  window_start = greatest(throttle.window_start, $2::timestamptz) + $3::interval,
  hits = CASE WHEN throttle.window_start > $2::timestamptz THEN throttle.hits + 1 ELSE 1 END
WHERE throttle.window_start <= $2::timestamptz + $4::interval
RETURNING hits
"""
_FULL_UNTIL: Final = "SELECT window_start FROM throttle WHERE bucket = $1"
_GIVE_BACK: Final = (
    "UPDATE throttle SET window_start = window_start - $2::interval WHERE bucket = $1"
)
_PURGE: Final = """
DELETE FROM throttle WHERE bucket IN (
  SELECT bucket FROM throttle WHERE window_start < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED)
"""


def peer_of(request: AnyRequest) -> str:
    """The network address that attempts are counted for: of IPv6 the /64 that one line has.

    X-Forwarded-For is believed only from a proxy that the settings name, and only its last
    entry that is not such a proxy: whatever stands before it, the client wrote itself.
    """
    settings: Settings = request.app.state.settings
    proxies = [
        ip_network(text.strip()) for text in settings.trusted_proxies.split(",") if text.strip()
    ]
    client = request.client
    hops = [client.host if client else ""]
    forwarded = request.headers.getall("x-forwarded-for", [])
    hops += [hop.strip() for hop in reversed(",".join(forwarded).split(",")) if hop.strip()]
    for hop in hops:
        address = _address(hop)
        if address is None or not any(address in network for network in proxies):
            return _line(address)
    return _line(_address(hops[-1]))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _line(address: IPv4Address | IPv6Address | None) -> str:
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)


async def count(buckets: Sequence[Bucket]) -> None:
    """Count one attempt in every bucket, or in none.

    :raises ThrottledError: one of them is full; `retry_after` says for how many seconds.
    """
    async with tx() as opened:
        for bucket in sorted(buckets, key=lambda one: one.key):
            await _take(opened, bucket)


async def _take(opened: Tx, bucket: Bucket) -> None:
    interval = bucket.rate.interval
    slack = bucket.rate.window - interval
    if await opened.fetchval(_TAKE, bucket.key, opened.now, interval, slack) is not None:
        return
    until = await opened.fetchval(_FULL_UNTIL, bucket.key)
    wait = (until - slack - opened.now).total_seconds()
    raise ThrottledError(retry_after=max(1, int(wait) + 1))


async def give_back(buckets: Sequence[Bucket]) -> None:
    """Take the last attempt off again: it was no guess. Forgets the buckets that ran empty."""
    async with tx() as opened:
        for bucket in sorted(buckets, key=lambda one: one.key):
            await opened.execute(_GIVE_BACK, bucket.key, bucket.rate.interval)
        await opened.execute(_PURGE, opened.now)


async def count_guess(request: AnyRequest, kind: str) -> None:
    """Count a token or code of `kind` that turned out unknown against the client's address.

    Pages call it before they answer with the neutral page.

    :raises ThrottledError: too many of them lately.
    """
    await count([Bucket(f"{kind} guessed from {peer_of(request)}", GUESSES)])
