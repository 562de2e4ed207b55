"""Other people's apps over HTTP: a served Retour, and an account of its own for each test."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import httpx
from msgspec import Struct

from sync import intake
from sync.database import tx
from sync.ids import new_id
from sync.records.shapes import TaskPut
from sync.records.tasks import assign, put_tasks
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase, clone
from tests.support.office import Office, in_database, open_office

T = TypeVar("T")

#: What a phone's clock says in these tests; the moments of its transitions lie before it.
CLOCK: Final = "2026-06-01T12:00:00.000Z"
MOMENT: Final = "2026-06-01T11:00:00.000Z"

HEAD: Final = "SELECT epoch, position FROM feed_head WHERE account = $1"
REWIND: Final = (
    "UPDATE feed_head SET position = $2 WHERE account = $1",
    "DELETE FROM feed WHERE account = $1 AND position > $2",
)


class House(Struct, frozen=True):
    """A database and the API over it."""

    database: TestDatabase
    api: Served

    def phone(self) -> "Phone":
        """The phone of alice in a new account."""
        return Phone(self, open_office(self.database, new_id().hex))

    def within(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work` with the database open."""
        return in_database(self.database.api, work)


@contextmanager
def housed(template: TestDatabase) -> Iterator[House]:
    """A served Retour with a database of its own."""
    with clone(template) as database, served(database) as api:
        yield House(database, api)


class Phone(Struct, frozen=True):
    """A technician's phone, and what happens meanwhile at the office."""

    house: House
    office: Office

    def get(self, path: str, **query: Any) -> Any:
        """What a sync route answers."""
        return self._sound(
            self.house.api.client.get(
                f"/api/v1/sync/{path}", params=query, headers=self.office.device
            )
        )

    def post(self, path: str, body: Any) -> Any:
        """What a sync route answers to `body`, by a phone whose clock says `CLOCK`."""
        return self._sound(self.send(path, json=body))

    def send(self, path: str, **body: Any) -> httpx.Response:
        """The answer itself."""
        return self.house.api.client.post(
            f"/api/v1/sync/{path}",
            params={"device_now": CLOCK},
            headers=self.office.device | body.pop("headers", {}),
            **body,
        )

    @staticmethod
    def _sound(answer: httpx.Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()

    def task(self, **fields: Any) -> UUID:
        """A task of alice's, unless `fields` say otherwise."""
        return self.house.within(lambda: self.office.world.task(**fields))

    def create(self, entry: TaskPut) -> None:
        """Create a task."""

        async def work() -> None:
            async with tx(self.office.world.account) as opened:
                await put_tasks(opened, [entry])

        self.house.within(work)

    def hand(self, task: UUID, technician: UUID | None) -> None:
        """Give `task` to somebody else, or to nobody."""

        async def work() -> None:
            async with tx(self.office.world.account) as opened:
                await assign(opened, task, technician=technician)

        self.house.within(work)

    def accept(self, transition: str) -> None:
        """A dispatcher accepts what was refused."""

        async def work() -> None:
            async with tx(self.office.world.account) as opened:
                await intake.accept(opened, UUID(transition), self.office.world.dispatcher)

        self.house.within(work)

    def head(self) -> tuple[int, int]:
        """Epoch and position of the account's feed."""

        async def work() -> tuple[int, int]:
            async with tx(self.office.world.account) as opened:
                row = await opened.fetchrow(HEAD, opened.account)
                assert row is not None
                return row["epoch"], row["position"]

        return self.house.within(work)

    def restore(self, position: int) -> None:
        """A backup, taken when the feed was at `position`, takes the database's place."""

        async def work() -> None:
            async with tx(self.office.world.account) as opened:
                for sql in REWIND:
                    await opened.execute(sql, opened.account, position)

        self.house.within(work)


def written(task: UUID | str, state: str = "600", **fields: Any) -> dict[str, Any]:
    """A transition as an app writes it."""
    usual = {"id": str(new_id()), "task": str(task), "state": state, "sequence": 1}
    return {**usual, "moment": MOMENT, **fields}


def milliseconds(text: str) -> int:
    """A moment as WatermelonDB keeps it."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return round(moment.timestamp() * 1000)
