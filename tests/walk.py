"""`python -m tests.walk [STEP]`: the way of one transition through the code, step by step.

For each step, how many functions of how many files of ours are entered; of a named step, which, in
the order in which they are entered first. Comprehensions and lambdas belong to who holds them.
"""

import asyncio
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

import msgspec

from mail.responses.rollup import roll_due
from server.access.principals import DEVICE_PREFIX
from sync.database import DB, once
from sync.messages import Push
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase, clone, cluster, migrated
from tests.support.mail_work import active_campaign, deliver, mail_config, plan
from tests.support.owner import owning
from tests.support.smtp_sink import Sink
from tests.support.surveys import survey
from tests.support.world import World

ROOT: Final = Path(__file__).parents[1]
#: As many as a run of deliveries uses at once.
_CONNECTIONS: Final = 4
OURS: Final = tuple(f"{ROOT / name}/" for name in ("rules", "sync", "mail", "server"))


class Walk:
    """What was entered, in order, while a step was on."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[CodeType, None]] = {}
        self._on: dict[CodeType, None] | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note what any thread enters until the block ends."""
        self._on = self.steps.setdefault(name, {})
        try:
            yield
        finally:
            self._on = None

    def see(self, frame: FrameType, event: str, _: object) -> None:
        """For `sys.setprofile`."""
        code = frame.f_code
        if self._on is None or event != "call" or code.co_name.startswith("<"):
            return
        if code.co_filename.startswith(OURS) and code.co_filename.endswith(".py"):
            self._on.setdefault(code)


async def walk(database: TestDatabase, api: Served, sink: Sink, way: Walk) -> None:
    """One visit: pushed, planned, asked about, answered, its answer in the task's result."""
    async with owning(database.owner) as owner:
        world = await World.create()
        customer = await world.customer(email="customer@example.test")
        task = await world.task(customer=customer)
        _, credential = await world.enrolled(world.alice)
        definition = survey(world.service_call, ["600"], "How was it?")
        await active_campaign(world.account, "at once", definition, owner)
    item = world.item(task, "600")
    batch = msgspec.json.encode(Push(device_now=item.moment, transitions=[item]))
    config = mail_config(database, sink, api.base_url)
    with way.step("push"):
        pushed = await asyncio.to_thread(
            api.client.post,
            "/api/v1/sync/push",
            content=batch,
            headers={
                "Authorization": f"Bearer {DEVICE_PREFIX}{credential}",
                "Content-Type": "application/json",
            },
        )
    assert pushed.json()["results"][0]["verdict"] == "accepted", pushed.text
    with way.step("plan"):
        await plan()
    with way.step("deliver"):
        await deliver(config)
    [mail] = sink.mails
    text = mail.parsed.get_body(("plain",))
    assert text is not None
    found = re.search(r"/s/[\w-]+", text.get_content())
    assert found is not None
    with way.step("answer"):
        answered = await asyncio.to_thread(api.client.post, found[0], data={"rating": "4"})
    assert answered.is_success or answered.is_redirect, answered.text
    with way.step("rollup"):
        await roll_due()


def lines(way: Walk, named: str | None) -> Iterator[str]:
    """What is printed: each step, and `whole`, what any of them entered."""
    whole = {code: None for entered in way.steps.values() for code in entered}
    for name, entered in {**way.steps, "whole": whole}.items():
        files = {code.co_filename for code in entered}
        yield f"{name:8} {len(files):3} files {len(entered):4} functions"
        if name == named:
            for code in entered:
                yield f"    {Path(code.co_filename).relative_to(ROOT)}: {code.co_qualname}"


async def _with_database(database: TestDatabase, api: Served, sink: Sink, way: Walk) -> None:
    await DB.open(database.worker)
    # Connections are open when work comes; when another one is needed depends on the machine.
    await asyncio.gather(*(once("SELECT FROM pg_sleep(0.1)") for _ in range(_CONNECTIONS)))
    try:
        await walk(database, api, sink, way)
    finally:
        await DB.close()


def main() -> None:
    """Walk, and print."""
    way = Walk()
    threading.setprofile(way.see)
    with (
        cluster() as dsn,
        migrated(dsn) as template,
        clone(template) as database,
        served(database) as api,
        Sink() as sink,
    ):
        sys.setprofile(way.see)
        asyncio.run(_with_database(database, api, sink, way))
        sys.setprofile(None)
    for line in lines(way, sys.argv[1] if len(sys.argv) > 1 else None):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
