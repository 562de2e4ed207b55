"""What a step reads does not grow with its account, whatever the planner believes of its size.

Statistics are always older than what they tell of. By them an account that is new has no rows, and
one that grows has few, until they are made anew: in a large database that takes days.
"""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
import pytest

from mail.responses.rollup import roll_due
from sync.database import DB
from sync.ids import new_id
from sync.messages import Item, Push
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing
from tests.support.growing import grow, prepare, rows_read
from tests.support.mail_work import active_campaign, deliver, mail_config, plan
from tests.support.office import Office, open_office
from tests.support.owner import Owner, owning
from tests.support.smtp_sink import Sink
from tests.support.surveys import survey

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

#: Tasks of one push.
BATCH: Final = 8
#: Visits before the account grows, and how many times each of them is copied.
BEFORE, COPIES = 2, 400
#: How much the account has grown since the oldest statistics; PostgreSQL makes them anew before.
TIMES_OLDER: Final = 20
#: From its sixth run on a session may keep a statement's plan.
ROUNDS: Final = 7
#: Rows of a table that a step may read. The account has more than ten times as many.
MOST: Final = 500
#: A place in the list before all that there is.
LATER: Final = "2999-01-01T00:00:00%2B00:00"
LINK: Final = re.compile(r"/s/[\w-]+")


class Way:
    """The way of some transitions, again and again.

    `most`: by step and table, the most that was read at once.
    """

    def __init__(self, api: Served, office: Office, owner: Owner, sink: Sink) -> None:
        self.api, self.office, self.owner, self.sink = api, office, owner, sink
        self.most: dict[tuple[str, str], int] = {}
        self.read: Counter[str] = Counter()
        self.console: httpx.Client
        self.cursor, self.told = self._everything("sync/pull", self.office.device), ""
        self.told = self._everything("completions", self.office.program)

    async def step(self, name: str) -> None:
        """All that was read since the last call is `name`'s."""
        now = await rows_read(self.owner)
        for table, count in (now - self.read).items():
            self.most[name, table] = max(count, self.most.get((name, table), 0))
        self.read = now

    async def go(self, times: int) -> None:
        """All steps, so many times."""
        self.read = await rows_read(self.owner)
        with browsing(self.api, self.office) as self.console:
            for _ in range(times):
                tasks = [new_id() for _ in range(BATCH)]
                customers = await self.visit(tasks)
                await self.ask_customers(tasks)
                await self.look(tasks[0])
                await self.decide(tasks, customers[0])

    async def visit(self, tasks: list[UUID]) -> list[str]:
        """Told before it is known here, then done; the customers."""
        world = self.office.world
        people = [{"name": "Marie", "email": f"{task}@example.test"} for task in tasks]
        people[0].pop("email")
        customers = self._upsert("customers", people)
        await self.step("create customers")
        self._push("parked", [world.item(task, "300") for task in tasks])
        await self.step("park")
        self._upsert("tasks", [self._task(*one) for one in zip(tasks, customers, strict=True)])
        await self.step("create tasks")
        items = [world.item(task, "600", email=f"{task}@example.test") for task in tasks]
        self._push("accepted", items)
        await self.step("push")
        self._push("accepted", items)
        await self.step("push again")
        self._get("sync/pull?limit=20", self.office.device)
        await self.step("pull from the start")
        path = f"sync/pull?limit=100&cursor={self.cursor}"
        self.cursor = self._get(path, self.office.device)["cursor"]
        await self.step("pull on")
        return customers

    async def ask_customers(self, tasks: list[UUID]) -> None:
        """Planned, delivered, answered and rolled up."""
        await plan()
        await self.step("plan")
        await deliver(mail_config(self.api.database, self.sink, self.api.base_url))
        await self.step("deliver")
        for task in tasks:
            [mail] = self.sink.to(f"{task}@example.test")
            text = mail.parsed.get_body(("plain",))
            assert text is not None
            found = LINK.search(text.get_content())
            assert found is not None
            assert self.api.client.get(found[0]).status_code == 200
            await self.step("open a survey")
            answered = self.api.client.post(found[0], data={"rating": "4"})
            assert answered.status_code == 303, answered.text
            await self.step("answer")
        assert await roll_due() == len(tasks)
        await self.step("roll up")

    async def look(self, task: UUID) -> None:
        """What people and programs see of it."""
        assert self.console.get("/tasks").status_code == 200
        await self.step("list tasks")
        for page in ("", "&state=600", f"&after={LATER}_{task}"):
            assert str(task) in self.console.get(f"/tasks?q=fuite+{str(task)[-12:]}{page}").text
            await self.step("search tasks")
        assert "/tasks/" in self.console.get("/sends").text
        await self.step("list what is to be sent")
        self._get("sends?limit=50", self.office.program)
        await self.step("read what is to be sent")
        assert str(task) in self.console.get(f"/tasks/{task}").text
        await self.step("show a task")
        assert self._get(f"tasks/{task}", self.office.program)["result"]["answers"] == 1
        await self.step("read a task")
        self._get("completions?limit=20", self.office.program)
        await self.step("completions from the start")
        self._get("decisions?limit=20", self.office.program)
        await self.step("decisions")
        self._get("decisions?limit=20&outcome=scheduled", self.office.program)
        await self.step("decisions of an outcome")
        assert self.console.get("/decisions").status_code == 200
        await self.step("show the ledger")
        path = f"completions?after={self.told}"
        self.told = self._get(path, self.office.program)["cursor"]
        await self.step("completions")

    async def decide(self, tasks: list[UUID], customer: str) -> None:
        """The dispatcher's steps, and a task that changes hands."""
        world = self.office.world
        other = new_id()
        self._upsert("tasks", [self._task(other, customer, world.bob)])
        await self.step("create a task")
        refused = world.item(other, "600")
        self._push("refused", [refused])
        await self.step("refuse")
        self._post(f"transitions/{refused.sent_id}/accept")
        await self.step("accept")
        self._post(f"tasks/{tasks[1]}/transitions", {"id": str(new_id()), "state": "610"})
        await self.step("progress")
        self._post(f"tasks/{tasks[2]}/assignments", {"technician": str(world.bob)})
        await self.step("assign")

    def _task(self, task: UUID, customer: str, technician: UUID | None = None) -> dict[str, Any]:
        world = self.office.world
        return {
            "id": str(task),
            "type": str(world.service_call),
            "state": "100",
            "title": f"Fuite au sous-sol {task}",
            "unit": str(world.site),
            "customer": customer,
            "technician": str(technician or world.alice),
        }

    def _upsert(self, kind: str, items: list[dict[str, Any]]) -> list[str]:
        ids: list[str] = self._post(f"{kind}/upsert", {"items": items})["ids"]
        return ids

    def _post(self, path: str, body: Any = None) -> Any:
        answer = self.api.client.post(f"/api/v1/{path}", json=body, headers=self.office.program)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def _get(self, path: str, headers: dict[str, str]) -> dict[str, Any]:
        answer = self.api.client.get(f"/api/v1/{path}", headers=headers)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _everything(self, path: str, headers: dict[str, str]) -> str:
        """The cursor behind all that there is."""
        page = self._get(f"{path}?limit=500", headers)
        name = "cursor" if path.startswith("sync") else "after"
        while page["more"]:
            page = self._get(f"{path}?limit=500&{name}={page['cursor']}", headers)
        cursor: str = page["cursor"]
        return cursor

    def _push(self, verdict: str, items: list[Item]) -> None:
        answer = self.api.client.post(
            "/api/v1/sync/push",
            content=msgspec.json.encode(Push(device_now=datetime.now(UTC), transitions=items)),
            headers={**self.office.device, "Content-Type": "application/json"},
        )
        assert {one["verdict"] for one in answer.json()["results"]} == {verdict}, answer.text


async def opened(database: TestDatabase, owner: Owner, name: str) -> Office:
    """An office that asks after each visit, and a second time when a week is over."""
    office = open_office(database, name)
    account, kind = office.world.account, office.world.service_call
    later = survey(kind, ["600"], "Does it still work?", delay="07:00:00")
    async with working(database):
        await active_campaign(account, "at once", survey(kind, ["600"], "How was it?"), owner)
        await active_campaign(account, "later", later, owner)
    return office


@asynccontextmanager
async def working(database: TestDatabase) -> AsyncIterator[None]:
    """The event loop connected with a worker's rights, in sessions that planned nothing yet."""
    await DB.open(database.worker)
    try:
        yield
    finally:
        await DB.close()


@pytest.mark.parametrize("statistics", ["of others", "from before"])
async def test_no_step_reads_more_where_there_is_more(
    database: TestDatabase, statistics: str
) -> None:
    async with owning(database.owner) as owner:
        await prepare(owner)
        with Sink() as sink:
            if statistics == "of others":
                known = await opened(database, owner, "known")
                await fill(database, known, owner, sink)
                await grow(owner, known.world.account, COPIES)
                await owner.connection.execute("ANALYZE")
            office = await opened(database, owner, "new")
            await fill(database, office, owner, sink)
            if statistics == "from before":
                await grow(owner, office.world.account, COPIES // TIMES_OLDER)
                await owner.connection.execute("ANALYZE")
                await grow(owner, office.world.account, TIMES_OLDER, COPIES)
            else:
                await grow(owner, office.world.account, COPIES)
            most = await fill(database, office, owner, sink, ROUNDS)
    assert {step: read for step, read in most.items() if read > MOST} == {}


async def fill(
    database: TestDatabase, office: Office, owner: Owner, sink: Sink, times: int = BEFORE
) -> dict[tuple[str, str], int]:
    """Go the way so many times, in sessions that planned nothing yet; the most that was read."""
    async with working(database):
        with served(database) as api:
            way = Way(api, office, owner, sink)
            await way.go(times)
    return way.most
