"""Pull: pages of 1,000 over HTTP beside the same reading called directly.

No target: pull's is set against Kinto, which is not measured here yet.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

import msgspec

from sync.feed import pull
from tests.bench.ground import Crew, Ground
from tests.bench.http import Connection, head
from tests.bench.measuring import Line, Work, in_turns

PAGE: Final = 1000
CONNECTIONS: Final = 4
#: Pages that each connection reads in a round.
PAGES: Final = 6


class Told(msgspec.Struct):
    """What is needed of a page to go on; the changes are left as they came."""

    changes: list[msgspec.Raw]
    cursor: str
    more: bool


def work(ground: Ground, page: Callable[[Crew, int, str | None], Awaitable[Told]]) -> Work:
    """Read pages on each connection at once, from the start again at the feed's end."""

    async def series(number: int) -> int:
        crew, cursor, count = ground.crews[number % len(ground.crews)], None, 0
        for _ in range(PAGES):
            told = await page(crew, number, cursor)
            count += len(told.changes)
            cursor = told.cursor if told.more else None
        return count

    async def run() -> int:
        return sum(await asyncio.gather(*(series(number) for number in range(CONNECTIONS))))

    return run


async def over_http(port: int) -> Callable[[Crew, int, str | None], Awaitable[Told]]:
    """Pull as devices do."""
    connections = [await Connection.open(port) for _ in range(CONNECTIONS)]
    decode = msgspec.json.Decoder(Told).decode

    async def page(crew: Crew, number: int, cursor: str | None) -> Told:
        query = f"?limit={PAGE}" + (f"&cursor={quote(cursor)}" if cursor else "")
        request = head("GET", f"/api/v1/sync/pull{query}", crew.credential)
        return decode(await connections[number].request(request))

    return page


def direct(key: bytes) -> Callable[[Crew, int, str | None], Awaitable[Told]]:
    """Read and encode without HTTP."""
    decode = msgspec.json.Decoder(Told).decode

    async def page(crew: Crew, number: int, cursor: str | None) -> Told:
        found = await pull(crew.device, cursor, key, PAGE)
        return decode(msgspec.json.encode(found))

    return page


async def measure(ground: Ground, secret: str, port: int) -> list[Line]:
    """The line of pull."""
    turns = await in_turns(
        work(ground, await over_http(port)), work(ground, direct(secret.encode()))
    )
    return [
        Line(
            f"pull, {PAGE:,} a page, {CONNECTIONS} connections",
            f"{turns.first:,.0f} changes/s over HTTP",
            f"{turns.second:,.0f}/s the same pages read directly",
            turns.ratio,
        )
    ]
