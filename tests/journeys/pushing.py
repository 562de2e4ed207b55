"""How the log travels: batches shuffled, doubled, a third of them on two connections at once."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import httpx
import msgspec

from tests.journeys.helpdesk import HelpDesk, chunks, transition_id
from tests.journeys.reference import Move

BATCH: Final = 100
#: Connections at once; more would only queue in front of the two cores of a small machine.
CONNECTIONS: Final = 4
#: A clock that is this little ahead, and a push that takes less than twice the tolerance, make
#: no skew: the moments stay those of the file.
AHEAD: Final = timedelta(seconds=1.5)


class Delivery(NamedTuple):
    """One batch of one technician's device; `twice` sends it on two connections at once."""

    technician: str
    moves: Sequence[Move]
    twice: bool


def shuffled_deliveries(log: Sequence[Move], seed: int) -> list[Delivery]:
    """Every line in a batch of its technician, every batch two times, in no order at all.

    Of three batches one comes on two connections at once, the others at two different times.
    """
    chance = random.Random(seed)
    by_technician: defaultdict[str, list[Move]] = defaultdict(list)
    for move in chance.sample(log, len(log)):
        by_technician[move.technician].append(move)
    batches = [(who, part) for who, moves in by_technician.items() for part in chunks(moves, BATCH)]
    deliveries = []
    for number, (who, part) in enumerate(batches):
        at_once = number % 3 == 0
        deliveries += [Delivery(who, part, at_once)] * (1 if at_once else 2)
    return chance.sample(deliveries, len(deliveries))


class Devices:
    """The devices of the help desk, one for each technician, that push over HTTP."""

    def __init__(self, desk: HelpDesk, client: httpx.AsyncClient) -> None:
        self.desk, self.client = desk, client
        self.credentials: dict[str, str] = {}
        self.room = asyncio.Semaphore(CONNECTIONS)

    async def enrol(self, technician: str, code: str) -> None:
        """Turn a code into the device of `technician`."""
        reply = await self.client.post(
            "/api/v1/devices/enrol", json={"code": code, "name": technician}
        )
        assert reply.is_success, reply.text
        self.credentials[technician] = reply.json()["credential"]

    async def deliver(self, delivery: Delivery) -> None:
        """Push a batch, once or on two connections at once; all of it must be accepted."""
        async with self.room:
            now = datetime.now(UTC)
            times = 2 if delivery.twice else 1
            await asyncio.gather(
                *(self.push(delivery.technician, delivery.moves, now) for _ in range(times))
            )

    async def push(self, technician: str, moves: Sequence[Move], now: datetime) -> None:
        """Push `moves` from a device whose clock says `now`."""
        body = {
            "device_now": now + AHEAD,
            "transitions": [self._item(move) for move in moves],
        }
        reply = await self.client.post(
            "/api/v1/sync/push",
            content=msgspec.json.encode(body),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self.credentials[technician]}",
            },
        )
        assert reply.status_code == 200, reply.text
        verdicts = {result["verdict"] for result in reply.json()["results"]}
        assert verdicts == {"accepted"}

    def _item(self, move: Move) -> dict[str, object]:
        return {
            "id": transition_id(move),
            "task": self.desk.tasks[move.task],
            "state": move.state,
            "moment": move.moment,
            "sequence": move.row,
        }
