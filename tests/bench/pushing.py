"""Push: batches of 100 over HTTP beside the same intake called directly, and a bare insert."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import msgspec

from sync.ids import new_id
from sync.intake import push
from sync.messages import Item, Push
from tests.bench.ground import Crew, Ground
from tests.bench.http import Connection, head
from tests.bench.measuring import Line, Work, in_turns

BATCH: Final = 100
CONNECTIONS: Final = 4
#: Batches of each connection in each round.
BATCHES: Final = 10

#: What an insert of the facts alone costs: nothing judged, no fold, no queue, no feed.
BARE: Final = """
INSERT INTO transition (account, id, device, technician, digest, arrived_at, verdict, task, state,
  moment, sequence, device_moment, received_at, survey, unexpected, type, customer, unit, tags,
  customer_tags)
SELECT $1, n.id, $6, $7, sha256(uuid_send(n.id)), now(), 'accepted', n.task, $5, n.moment,
  n.sequence, n.moment, now(), true, false, $10, n.task, $8, '{}', '{}'
FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[], $9::bigint[])
  AS n(id, task, moment, sequence)
"""

_sequence: Final = itertools.count(1)


def batch_of(crew: Crew) -> Push:
    """A push of 100 transitions of 100 tasks."""
    moment = datetime.now(UTC)
    places = (next(_sequence) for _ in range(BATCH))
    items = [
        Item(str(new_id()), crew.tasks[place % len(crew.tasks)], "300", moment, place)
        for place in places
    ]
    return Push(moment, items)


def work(ground: Ground, one: Callable[[Crew, int], Awaitable[None]]) -> Work:
    """`one(crew, connection)` on each connection at once, `BATCHES` times."""

    async def series(number: int) -> None:
        for _ in range(BATCHES):
            await one(ground.crews[number % len(ground.crews)], number)

    async def run() -> int:
        await asyncio.gather(*(series(number) for number in range(CONNECTIONS)))
        return CONNECTIONS * BATCHES * BATCH

    return run


async def over_http(port: int) -> Callable[[Crew, int], Awaitable[None]]:
    """Push as devices do."""
    connections = [await Connection.open(port) for _ in range(CONNECTIONS)]

    async def one(crew: Crew, number: int) -> None:
        request = head("POST", "/api/v1/sync/push", crew.credential)
        body = msgspec.json.encode(batch_of(crew))
        await connections[number].request(request, body)

    return one


async def direct(crew: Crew, number: int) -> None:
    """Call the intake without HTTP."""
    await push(crew.device, batch_of(crew))


def bare(ground: Ground, pool: Any) -> Callable[[Crew, int], Awaitable[None]]:
    """Insert the facts and nothing else."""

    async def one(crew: Crew, number: int) -> None:
        items: Sequence[Item] = batch_of(crew).transitions
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(
                BARE,
                ground.account,
                [item.id for item in items],
                [item.task for item in items],
                [item.moment for item in items],
                "300",
                crew.device.device,
                crew.device.technician,
                ground.unit,
                [item.sequence for item in items],
                ground.task_type,
            )

    return one


async def measure(ground: Ground, owner_dsn: str, port: int) -> list[Line]:
    """The lines of push."""
    http = work(ground, await over_http(port))
    ours = await in_turns(http, work(ground, direct))
    async with asyncpg.create_pool(owner_dsn, min_size=CONNECTIONS, max_size=CONNECTIONS) as pool:
        raw = await in_turns(work(ground, direct), work(ground, bare(ground, pool)))
    return [
        Line(
            f"push, {BATCH} a batch, {CONNECTIONS} connections",
            f"{ours.first:,.0f} transitions/s over HTTP",
            f"{ours.second:,.0f}/s the same intake called directly",
            ours.ratio,
            0.6,
        ),
        Line(
            "push, the intake alone",
            f"{raw.first:,.0f} transitions/s",
            f"{raw.second:,.0f}/s bare unnest insert of the facts",
            raw.ratio,
        ),
    ]
