"""Limits the rate of attempts without ever locking an account.

Each bucket admits a burst, and then one attempt per interval (a leaky bucket, stored as the time at
which it is empty again). An attempt that is refused is not counted.
"""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
from litestar import Request

from server.http.problems import ThrottledError
from server.services import services
from sync.database import NO_ACCOUNT, Tx, run, tx

AnyRequest = Request[Any, Any, Any]


class Rate(msgspec.Struct, frozen=True):
    """At most `burst` attempts at once, refilled evenly over `window`."""

    burst: int
    window: timedelta

    @property
    def interval(self) -> timedelta:
        """The time after which one more attempt is admitted."""
        return self.window / self.burst


class Bucket(msgspec.Struct, frozen=True):
    """A counter of attempts. `name` may be personal: only its hash is stored."""

    name: str
    rate: Rate

    @property
    def key(self) -> bytes:
        """The hash of the name, which is stored."""
        return hashlib.sha256(self.name.encode()).digest()


QUARTER: Final = timedelta(minutes=15)
PER_PERSON_AND_PEER: Final = Rate(10, QUARTER)
PER_BROWSER: Final = Rate(10, QUARTER)
PER_PERSON: Final = Rate(100, QUARTER)
PER_PEER: Final = Rate(60, QUARTER)
GUESSES: Final = Rate(60, QUARTER)
#: A customer changes an answer a few times; an unlimited number of versions would fill the table.
ANSWERS: Final = Rate(20, QUARTER)

#: One row per bucket. `window_start`: when it will be empty; `hits`: attempts since it last was.
#: A call locks its rows in the order of their keys, so that two calls do not deadlock.
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


async def count(buckets: Sequence[Bucket]) -> None:
    """Count one attempt in every bucket, or in none.

    :raises ThrottledError: one of them is full; `retry_after` says for how many seconds.
    """
    async with tx() as opened:
        for bucket in _in_lock_order(buckets):
            await _take(opened, bucket)


async def admit(
    groups: Sequence[Sequence[Bucket]], shared: Bucket
) -> tuple[list[int], ThrottledError | None]:
    """Count one attempt in `shared` and in each of `groups` whose buckets all have room.

    Returns the indexes of those groups, and the refusal of the others that ends first.

    :raises ThrottledError: `shared` is full, or no group has room; then nothing is counted.
    """

    async def work(opened: Tx) -> tuple[list[int], ThrottledError | None]:
        await _take(opened, shared)
        admitted: list[int] = []
        refusals: list[ThrottledError] = []
        for index, group in enumerate(groups):
            try:
                async with opened.savepoint():
                    for bucket in _in_lock_order(group):
                        await _take(opened, bucket)
            except ThrottledError as refusal:
                refusals.append(refusal)
            else:
                admitted.append(index)
        soonest = min(refusals, key=lambda refusal: refusal.retry_after or 0, default=None)
        if soonest is not None and not admitted:
            raise soonest
        return admitted, soonest

    return await run(NO_ACCOUNT, work)


def _in_lock_order(buckets: Sequence[Bucket]) -> list[Bucket]:
    return sorted(buckets, key=lambda bucket: bucket.key)


async def _take(opened: Tx, bucket: Bucket) -> None:
    """:raises ThrottledError: the bucket is full."""
    interval = bucket.rate.interval
    slack = bucket.rate.window - interval
    if await opened.fetchval(_TAKE, bucket.key, opened.now, interval, slack) is not None:
        return
    until = await opened.fetchval(_FULL_UNTIL, bucket.key)
    wait = (until - slack - opened.now).total_seconds()
    raise ThrottledError(retry_after=max(1, int(wait) + 1))


async def give_back(buckets: Sequence[Bucket]) -> None:
    """Uncount the last attempt, which succeeded, and delete rows of buckets that are empty."""
    async with tx() as opened:
        for bucket in _in_lock_order(buckets):
            await opened.execute(_GIVE_BACK, bucket.key, bucket.rate.interval)
        await opened.execute(_PURGE, opened.now)


async def count_guess(request: AnyRequest, kind: str) -> None:
    """Count an unknown token or code of `kind` against the client's address.

    Pages call it before they answer with the neutral page.

    :raises ThrottledError: too many in the last minutes.
    """
    await count([guess_of(request, kind)])


def guess_of(request: AnyRequest, kind: str) -> Bucket:
    """The bucket of guesses of `kind` from the client's address."""
    peers = services(request).peers
    return Bucket(f"{kind} guessed from {peers.network_of(request)}", GUESSES)
