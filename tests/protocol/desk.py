"""The office's side of the protocol's tests: a program with a token, over HTTP like the devices."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from tests.protocol.client import NONE, Device, Told
from tests.support.databases import TestDatabase
from tests.support.office import add_token, in_database
from tests.support.world import LONG_AGO, World


class Desk:
    """Creates work, hands it out, enrols and revokes devices, and looks at what came of it."""

    def __init__(self, client: httpx.Client, world: World, token: str) -> None:
        self.client, self.world = client, world
        self.headers = {"Authorization": f"Bearer {token}"}

    def _post(self, path: str, body: Told | None = None) -> Any:
        answer = self.client.post(f"/api/v1{path}", json=body, headers=self.headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def _get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(f"/api/v1{path}", params=query, headers=self.headers)
        assert answer.is_success, answer.text
        return answer.json()

    def task(self, technician: UUID | None = None, **fields: Any) -> str:
        """A planned task that `technician` (alice) has had for ever; fields as in the API."""
        (created,) = self.tasks(1, technician, **fields)
        return created

    def tasks(self, count: int, technician: UUID | None = None, **fields: Any) -> list[str]:
        """Several of them, put in one transaction."""
        entry = {
            "type": str(self.world.service_call),
            "state": "100",
            "title": "Fuite au sous-sol",
            "unit": str(self.world.site),
            "created_at": LONG_AGO.isoformat(),
            "technician": str(technician or self.world.alice),
            **fields,
        }
        ids: list[str] = self._post("/tasks/upsert", {"items": [entry] * count})["ids"]
        return ids

    def edit(self, plural: str, **fields: Any) -> str:
        """Create a customer or a location, or change a record that exists; its id."""
        return str(self._post(f"/{plural}", fields)["id"])

    def hand(self, task: str, technician: UUID | None, start: datetime | None = None) -> None:
        """Give `task` to somebody else, from now on unless told."""
        turn = {"technician": technician and str(technician), "start": start and start.isoformat()}
        self._post(f"/tasks/{task}/assignments", {k: v for k, v in turn.items() if v is not None})

    def device(self, technician: UUID | None = None, shift: timedelta = NONE) -> Device:
        """An enrolled device of `technician` (alice), which has pulled nothing."""
        device = Device(self.client, shift=shift)
        device.enrol(self.code(technician))
        return device

    def code(self, technician: UUID | None = None) -> str:
        """A code that enrols a device of `technician` (alice)."""
        order = {"user": str(technician or self.world.alice)}
        return str(self._post("/devices/codes", order)["code"])

    def revoke(self, device: Device) -> None:
        """End the device's credential."""
        self._post(f"/devices/{device.id}/revoke")

    def read(self, task: str) -> Told:
        """A task as the office sees it."""
        found: Told = self._get(f"/tasks/{task}")
        return found

    def history(self, task: str) -> list[Told]:
        """The facts of a task, in their true order."""
        entries = self.read(task)["timeline"]
        return [entry for entry in entries if entry["kind"] == "transition"]

    def states(self, task: str) -> list[str]:
        """The states that a task entered, in their true order."""
        return [entry["state"] for entry in self.history(task)]

    def open_items(self) -> dict[str, str]:
        """What was refused or is parked: verdict by id."""
        return {entry["id"]: entry["verdict"] for entry in self._get("/refused")["items"]}


def open_desk(database: TestDatabase, client: httpx.Client) -> Desk:
    """The office of a new account whose technicians have no tasks yet."""

    async def work() -> Desk:
        world = await World.create()
        return Desk(client, world, await add_token(world.account))

    return in_database(database.api, work)
