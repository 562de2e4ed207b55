"""What the office does while phones are in the field: over the database, a browser being open."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from mail.planning.manual import Request, send_by_hand
from mail.planning.rounds import open_round
from sync.database import Tx
from sync.records.shapes import AssignmentPut, TaskPut
from sync.records.tasks import assign, put_tasks
from tests.mail.campaigns import active
from tests.support.databases import TestDatabase
from tests.support.office import Office
from tests.support.stories import aside, on
from tests.support.world import LONG_AGO, World

T = TypeVar("T")


class Field:
    """The office's hands."""

    def __init__(self, database: TestDatabase, office: Office) -> None:
        self._database = database
        self.world = office.world
        self.task = office.task
        self.customer = office.customer

    def do(self, work: Callable[[World], Awaitable[T]]) -> T:
        """`work` on the office's world."""

        async def run() -> T:
            return await work(self.world)

        return aside(self._database, run)

    def on(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """`work` in a transaction of the office's account."""
        return on(self._database, self.world.account, work)

    def new_task(self, **fields: Any) -> UUID:
        """A task, as `World.task` makes it."""
        return self.do(lambda world: world.task(**fields))

    def new_tasks(self, count: int) -> None:
        """Many tasks of alice's at once."""
        turn = AssignmentPut(technician=self.world.alice, start=LONG_AGO)
        entries = [
            TaskPut(
                type=self.world.service_call,
                state="100",
                title=f"Visite {number}",
                unit=self.world.site,
                created_at=LONG_AGO,
                assignments=[turn],
            )
            for number in range(count)
        ]
        for start in range(0, count, 500):
            part = entries[start : start + 500]
            self.on(lambda opened, part=part: put_tasks(opened, part))  # type: ignore[misc]

    def reassign(self, task: UUID, technician: UUID, at: datetime | None = None) -> None:
        """Give a task to somebody else, from `at` on (now where left out)."""
        self.on(lambda opened: assign(opened, task, technician=technician, at=at))

    def campaign(self, **changes: Any) -> UUID:
        """An active campaign."""
        return self.do(lambda world: active(world, **changes))

    def open_round(self, task: UUID, number: int) -> None:
        """Open the round of this number, now."""
        self.on(lambda opened: open_round(opened, task, number, None, "La fuite est revenue"))

    def send_by_hand(self, task: UUID, campaign: UUID) -> None:
        """Send a survey of `campaign` by hand."""
        asked = Request(campaign, self.world.dispatcher, "La cliente le demande", False)
        self.on(lambda opened: send_by_hand(opened, task, asked))

    def history(self, task: UUID) -> list[tuple[str, str]]:
        """State and technician's id of each transition that the server has, in order."""
        sql = """SELECT state, technician::text FROM transition WHERE account = $1 AND task = $2
                 ORDER BY moment, sequence, id"""
        rows = self.on(lambda opened: opened.fetch(sql, opened.account, task))
        return [(row["state"], row["technician"]) for row in rows]

    def states(self, task: UUID) -> list[str]:
        """The states that the server knows a task to have entered, in order."""
        return [state for state, _ in self.history(task)]

    def set_email(self, customer: UUID, email: str | None) -> None:
        """Change a customer's address."""
        sql = "UPDATE customer SET email = $3 WHERE account = $1 AND id = $2"
        self.on(lambda opened: opened.execute(sql, opened.account, customer, email))

    def revoke_devices(self, technician: UUID) -> None:
        """End the credentials of a technician's devices."""
        sql = """UPDATE device SET revoked_at = retour_now()
                 WHERE account = $1 AND technician = $2"""
        self.on(lambda opened: opened.execute(sql, opened.account, technician))

    def set_zone(self, zone: str) -> None:
        """Change the account's time zone, whatever the name is worth."""
        sql = "UPDATE account SET zone = $2 WHERE account = $1"
        self.on(lambda opened: opened.execute(sql, opened.account, zone))

    def restore_backup(self) -> None:
        """The feed begins a new epoch, as after a restored backup: cursors so far are void."""
        sql = "UPDATE feed_head SET epoch = epoch + 1 WHERE account = $1"
        self.on(lambda opened: opened.execute(sql, opened.account))
