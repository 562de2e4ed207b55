"""Pull beside Kinto: the same content on the same cluster, two processes each.

Both are asked by the same few lines of a client, which look at nothing but where to go on from.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote

import msgspec

from sync.feed import MOST_CHANGES
from tests.bench import kinto
from tests.bench.deciding import FOLD, HISTORY
from tests.bench.ground import Crew, Ground
from tests.bench.http import Connection, head
from tests.bench.kinto import Kinto
from tests.bench.measuring import Line, Turns, Work, in_turns
from tests.bench.pulling import Told

CONNECTIONS: Final = 4
#: Tasks that each technician holds, each with a customer and two transitions.
TASKS: Final = 5000
#: Changes of a page. Of 500 to 10,000 (its most by default) Kinto's best round had 5,000; medians
#: of a busy machine did not tell 1,000 to 5,000 apart.
PAGE: Final = 1000
ITS_PAGE: Final = 5000
#: Changes that a device pulls which was away for a little, and how often in a round.
BEHIND: Final = 20
CATCHES: Final = 50

#: How much faster than Kinto pull is to be.
TARGET: Final = 1.5

#: Reads page after page after a place, or from the start; how many changes that were.
Reader: TypeAlias = Callable[[int, "str | None"], Awaitable[int]]


class ItsPage(msgspec.Struct):
    """What is needed of a page of Kinto's to go on."""

    data: list[msgspec.Raw]


class ItsPlace(msgspec.Struct):
    """The place of a record."""

    last_modified: int


class Sides(NamedTuple):
    """Ours, with a crew for each connection and the ports of the processes; and Kinto."""

    ground: Ground
    ports: list[int]
    kinto: Kinto


class Links:
    """Connections to us, spread over the processes; renewed as idle ones are closed."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = [ports[number % len(ports)] for number in range(CONNECTIONS)]
        self._open: list[Connection] = []

    async def renew(self) -> int:
        """Open all anew."""
        for connection in self._open:
            await connection.close()
        self._open = [await Connection.open(port) for port in self._ports]
        return 0

    async def request(self, number: int, request: str, body: bytes = b"") -> bytes:
        """Ask on the connection `number`."""
        return await self._open[number].request(request, body)


async def add_history(owner: Any, ground: Ground) -> None:
    """Two transitions of every task."""
    for crew in ground.crews:
        technician = crew.device.technician
        await owner.execute(HISTORY, ground.account, crew.tasks, technician, ground.unit)
    await owner.execute(FOLD, ground.account)
    await owner.execute("VACUUM ANALYZE")


def our_reader(crews: list[Crew], links: Links) -> Reader:
    """Pull as devices do."""
    decode = msgspec.json.Decoder(Told).decode

    async def read(number: int, after: str | None) -> int:
        cursor, count, more = after, 0, True
        while more:
            query = f"?limit={PAGE}" + (f"&cursor={quote(cursor)}" if cursor else "")
            request = head("GET", f"/api/v1/sync/pull{query}", crews[number].credential)
            told = decode(await links.request(number, request))
            count, cursor, more = count + len(told.changes), told.cursor, told.more
        return count

    return read


def its_reader(its: Kinto, size: int = ITS_PAGE) -> Reader:
    """Poll for changes since the last one that is known, in their order."""
    decode = msgspec.json.Decoder(ItsPage).decode
    place = msgspec.json.Decoder(ItsPlace).decode

    async def read(number: int, after: str | None) -> int:
        since, count, more = after, 0, True
        while more:
            query = f"?_sort=last_modified&_limit={size}" + (f"&_since={since}" if since else "")
            data = decode(
                await kinto.ask(its, kinto.head("GET", kinto.collection(str(number)) + query))
            ).data
            more = len(data) == size
            since = str(place(data[-1]).last_modified) if data else since
            count += len(data)
        return count

    return read


async def records_of(crew: Crew, links: Links) -> list[bytes]:
    """All that our feed tells a crew, ids and kinds included: Kinto's records."""
    records: list[bytes] = []
    cursor, more = "", True
    while more:
        query = f"?limit={PAGE}{cursor}"
        request = head("GET", f"/api/v1/sync/pull{query}", crew.credential)
        told = msgspec.json.decode(await links.request(0, request), type=Told)
        records.extend(bytes(change) for change in told.changes)
        cursor, more = f"&cursor={quote(told.cursor)}", told.more
    return records


def together(read: Reader, times: int, after: list[str | None]) -> Work:
    """Each connection reads `times` times after its place, all at once."""

    async def series(number: int) -> int:
        return sum([await read(number, after[number]) for _ in range(times)])

    async def run() -> int:
        return sum(await asyncio.gather(*(series(number) for number in range(len(after)))))

    return run


async def measure_pull(sides: Sides) -> list[Line]:
    """The lines of pull. Both hold the same."""
    crews, links = sides.ground.crews, Links(sides.ports)
    await links.renew()
    await kinto.add_collections(sides.kinto, [str(number) for number in range(CONNECTIONS)])
    for number, crew in enumerate(crews):
        await kinto.fill(sides.kinto, str(number), await records_of(crew, links))
    mine: list[str | None] = [await behind(crew, links) for crew in crews]
    its: list[str | None] = [str(kinto.FIRST + 2 * TASKS - BEHIND)] * CONNECTIONS
    we, it = our_reader(crews, links), its_reader(sides.kinto)
    whole: list[str | None] = [None] * CONNECTIONS

    async def turns(times: int, ours: list[str | None], theirs: list[str | None]) -> Turns:
        work = together(we, times, ours), together(it, times, theirs)
        return await in_turns(*work, prepare_first=links.renew)

    page = await turns(1, whole, whole)
    first = await turns(1, [None], [None])
    catching = await turns(CATCHES, mine, its)
    return [
        _line(f"pull, {PAGE:,} a page", page),
        Line(
            f"first sync of {TASKS:,} tasks, one device",
            f"{1e6 / first.first:,.1f} µs a row",
            f"{1e6 / first.second:,.1f} µs a row, Kinto",
            first.ratio,
            TARGET,
        ),
        _line(f"pull, {BEHIND} changes of {2 * TASKS:,} held", catching),
    ]


async def behind(crew: Crew, links: Links) -> str:
    """A cursor with `BEHIND` changes after it."""
    cursor = ""
    for limit in (MOST_CHANGES, MOST_CHANGES - BEHIND):
        request = head("GET", f"/api/v1/sync/pull?limit={limit}{cursor}", crew.credential)
        told = msgspec.json.decode(await links.request(0, request), type=Told)
        cursor = f"&cursor={quote(told.cursor)}"
    return told.cursor


def _line(what: str, turns: Turns) -> Line:
    ours, its = f"{turns.first:,.0f} changes/s", f"{turns.second:,.0f}/s Kinto"
    return Line(what, ours, its, turns.ratio, TARGET)
