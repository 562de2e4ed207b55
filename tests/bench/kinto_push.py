"""Push beside Kinto: two processes each on the same cluster, what is sent written beforehand.

Kinto keeps each transition as a record that must be new, as our ids must, and each connection has
a collection of its own, so that none waits for another's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec

from tests.bench import kinto
from tests.bench.ground import Crew
from tests.bench.http import head
from tests.bench.kinto_pull import CONNECTIONS, Links, Sides
from tests.bench.measuring import Line, Work, in_turns
from tests.bench.pushing import BATCH, batch_of

#: Batches that each connection pushes in a round.
OUR_BATCHES: Final = 10
ITS_BATCHES: Final = 3
#: How many times what Kinto takes in we are to take in.
TARGET: Final = 60.0

#: Sends a batch on a connection, and what writes one for it.
Send: TypeAlias = Callable[[int, bytes], Awaitable[object]]
Write: TypeAlias = Callable[[int], bytes]


def our_batch(crew: Crew) -> bytes:
    """A push of `BATCH` transitions."""
    return msgspec.json.encode(batch_of(crew))


def its_batch(crew: Crew, number: int) -> bytes:
    """The same transitions, as many as it takes at once, as records that must not be there."""
    path = kinto.collection(f"push-{number}")
    return msgspec.json.encode(
        {
            "defaults": {"method": "PUT", "headers": {"If-None-Match": "*"}},
            "requests": [
                {"path": f"{path}/{item.id}", "body": {"data": item}}
                for item in batch_of(crew).transitions[: kinto.BATCH]
            ],
        }
    )


def work(write: Write, send: Send, batches: int, size: int) -> tuple[Work, Work]:
    """Writing what a round sends, and sending it, each connection one batch after the other."""
    written: list[list[bytes]] = []

    async def prepare() -> int:
        written[:] = [[write(number) for _ in range(batches)] for number in range(CONNECTIONS)]
        return 0

    async def series(number: int) -> None:
        for batch in written[number]:
            await send(number, batch)

    async def run() -> int:
        await asyncio.gather(*(series(number) for number in range(CONNECTIONS)))
        return CONNECTIONS * batches * size

    return prepare, run


class RefusedError(RuntimeError):
    """Not everything that was pushed was taken."""


async def measure_push(sides: Sides) -> list[Line]:
    """The line of push."""
    crews, links = sides.ground.crews, Links(sides.ports)
    await kinto.add_collections(sides.kinto, [f"push-{n}" for n in range(CONNECTIONS)])

    async def to_us(number: int, batch: bytes) -> None:
        request = head("POST", "/api/v1/sync/push", crews[number].credential)
        _all_taken(await links.request(number, request, batch), b'"accepted"', BATCH)

    async def to_it(_: int, batch: bytes) -> None:
        answer = await kinto.ask(sides.kinto, kinto.head("POST", "/batch"), batch)
        _all_taken(answer.replace(b" ", b""), b'"status":201', kinto.BATCH)

    prepare_ours, ours = work(lambda n: our_batch(crews[n]), to_us, OUR_BATCHES, BATCH)
    prepare_its, its = work(lambda n: its_batch(crews[n], n), to_it, ITS_BATCHES, kinto.BATCH)

    async def prepare_us() -> int:
        return await links.renew() + await prepare_ours()

    turns = await in_turns(ours, its, prepare_first=prepare_us, prepare_second=prepare_its)
    return [
        Line(
            f"push, {BATCH} a batch, 2 processes",
            f"{turns.first:,.0f} transitions/s",
            f"{turns.second:,.0f} records/s Kinto, {kinto.BATCH} a batch, 2 processes",
            turns.ratio,
            TARGET,
        )
    ]


def _all_taken(answer: bytes, mark: bytes, wanted: int) -> None:
    if answer.count(mark) != wanted:
        raise RefusedError(answer[:1000].decode(errors="replace"))
