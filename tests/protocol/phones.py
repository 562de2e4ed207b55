"""A technician's device over HTTP: pushes, pulls, listens, and keeps what it was told."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from server.access.principals import DEVICE_PREFIX
from sync.ids import new_id
from tests.protocol.streams import Stream
from tests.support.databases import TestDatabase
from tests.support.office import Office, in_database
from tests.support.processes import PATIENCE


class Phone:
    """An enrolled device. `held`: things by kind and id, as of the last pull.

    `version`: of the protocol, that it says it speaks.
    """

    version = "1"

    def __init__(self, credential: str, origin: str) -> None:
        self.credential, self.origin = credential, origin
        self.cursor: str | None = None
        self.held: dict[tuple[str, str], dict[str, Any]] = {}
        self.sequence = 0

    @property
    def headers(self) -> dict[str, str]:
        """What it sends with every request."""
        return {"Authorization": f"Bearer {self.credential}", "Retour-Protocol": self.version}

    def listen(self, origin: str | None = None) -> Stream:
        """An open stream, here or at another process, whose event of the start has come."""
        stream = Stream(origin or self.origin, self.headers)
        assert (stream.status, stream.next()) == (200, "pull")
        return stream

    def progress(self, task: UUID, state: str, *, note: str | None = None) -> str:
        """Push one transition, just now; its id."""
        self.sequence += 1
        now = datetime.now(UTC).isoformat()
        item = {
            "id": str(new_id()),
            "task": str(task),
            "state": state,
            "moment": now,
            "sequence": self.sequence,
            "note": note,
        }
        answer = httpx.post(
            f"{self.origin}/api/v1/sync/push",
            json={"device_now": now, "transitions": [item]},
            headers=self.headers,
            timeout=PATIENCE,
        )
        assert [one["verdict"] for one in answer.json()["results"]] == ["accepted"], answer.text
        return str(item["id"])

    def pull(self, *, limit: int = 1000, pages: int = 1000) -> None:
        """Take over everything since the last pull, or what comes in so many pages."""
        more = True
        while more and pages:
            pages -= 1
            given = {"limit": str(limit)} | ({"cursor": self.cursor} if self.cursor else {})
            answer = httpx.get(
                f"{self.origin}/api/v1/sync/pull",
                params=given,
                headers=self.headers,
                timeout=PATIENCE,
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()
            for change in page["changes"]:
                self._take(change)
            self.cursor, more = page["cursor"], page["more"]

    def _take(self, change: dict[str, Any]) -> None:
        key = change["kind"], change["id"]
        if change.get("deleted"):
            self.held.pop(key, None)
        else:
            self.held[key] = change

    def state(self, task: UUID) -> str | None:
        """The state of a task it holds; None for one that it does not."""
        found = self.held.get(("task", str(task)))
        return None if found is None else str(found["state"])


def phone_of(database: TestDatabase, office: Office, technician: UUID, origin: str) -> Phone:
    """A new device of `technician`."""
    _, credential = in_database(database.api, lambda: office.world.enrolled(technician))
    return Phone(DEVICE_PREFIX + credential, origin)
