"""A client of the protocol as anybody could write it: a queue, a copy of the feed, and HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

import httpx

from server.api.protocol_version import NEWEST
from sync.ids import new_id

#: A result, a change or an item as it stands in JSON.
Told = dict[str, Any]

#: The newest protocol that this client speaks.
PROTOCOL: Final = str(NEWEST)
NONE: Final = timedelta(0)


class Device:
    """A technician's device. `client`: the line to Retour; `shift`: how wrong its clock is.

    `queue`: what has no verdict yet, by id in the order recorded. `verdicts`: what was answered,
    on what is `settled`.
    `things`: its copy of the feed by kind and id.
    """

    def __init__(self, client: httpx.Client, credential: str = "", shift: timedelta = NONE) -> None:
        self.client, self.credential, self.shift = client, credential, shift
        self.id = ""
        self.queue: dict[str, Told] = {}
        self.verdicts: dict[str, Told] = {}
        self.settled: dict[str, Told] = {}
        self.things: dict[tuple[str, str], Told] = {}
        self.cursor: str | None = None
        self._sequence = 0

    def enrol(self, code: str) -> None:
        """Become a device; what is queued stays queued."""
        body = {"code": code, "name": "Téléphone"}
        enrolled = self.client.post("/api/v1/devices/enrol", json=body).raise_for_status().json()
        self.id, self.credential = enrolled["device"], enrolled["credential"]

    def now(self) -> datetime:
        """What its clock says."""
        return datetime.now(UTC) + self.shift

    def record(self, task: str, state: str, moment: datetime | None = None, **fields: Any) -> str:
        """Queue that `task` entered `state`, just now unless told; the transition's id."""
        self._sequence += 1
        item = {
            "id": str(new_id()),
            "task": task,
            "state": state,
            "moment": (moment or self.now()).isoformat(),
            "sequence": self._sequence,
            **fields,
        }
        self.queue[item["id"]] = item
        return str(item["id"])

    def push(self, most: int = 500) -> list[str]:
        """Push the first `most` of the queue in one batch; their verdicts in the order sent.

        :raises httpx.HTTPError: not answered, or answered otherwise; nothing left the queue.
        """
        results = self.send(*islice(self.queue.values(), most))
        for result in results:
            self.verdicts[result["id"]] = result
            self.settled[result["id"]] = self.queue.pop(result["id"])
        return [result["verdict"] for result in results]

    def tell_again(self) -> None:
        """Queue what is settled, in front of what waits: the server may have forgotten it."""
        self.queue = {**self.settled, **self.queue}
        self.settled = {}

    def send(self, *items: Told) -> list[Told]:
        """The results of one batch of `items`, whatever is queued."""
        body = {"device_now": self.now().isoformat(), "transitions": items}
        answer = self.client.post("/api/v1/sync/push", json=body, headers=self.headers)
        results: list[Told] = answer.raise_for_status().json()["results"]
        return results

    def pull_page(self, limit: int = 1000) -> Told:
        """Pull one page and keep it; 410 drops the copy, and the queue never."""
        query: dict[str, str | int] = {"limit": limit}
        if self.cursor is not None:
            query["cursor"] = self.cursor
        answer = self.client.get("/api/v1/sync/pull", params=query, headers=self.headers)
        if answer.status_code == httpx.codes.GONE:
            self.things, self.cursor = {}, None
        page: Told = answer.raise_for_status().json()
        self._keep(page["changes"])
        self.cursor = page["cursor"]
        return page

    def pull(self, limit: int = 1000) -> list[Told]:
        """Pull until there is no more; the changes in the order they came."""
        changes: list[Told] = []
        more = True
        while more:
            page = self.pull_page(limit)
            changes += page["changes"]
            more = page["more"]
        return changes

    def sync(self) -> list[Told]:
        """Push all that is queued and pull; what was pulled."""
        while self.queue:
            self.push()
        return self.pull()

    def _keep(self, changes: list[Told]) -> None:
        for change in changes:
            key = change["kind"], change["id"]
            if change.get("deleted"):
                self.things.pop(key, None)
            else:
                self.things[key] = change

    @property
    def headers(self) -> dict[str, str]:
        """Who it is and what it speaks."""
        return {"Authorization": f"Bearer {self.credential}", "Retour-Protocol": PROTOCOL}

    def ids(self, kind: str) -> set[str]:
        """The ids of the things of one kind."""
        return {identity for name, identity in self.things if name == kind}

    def state_of(self, task: str) -> str:
        """The state that its technician sees: the server's and the own queue, by order.

        The own steps keep their sequence: none counts earlier than one before it.
        """
        held = self.things["task", task]
        own = [item for item in self.queue.values() if item["task"] == task]
        steps = [(datetime.fromisoformat(held["state_moment"]), -1, held["state"])]
        reached = datetime.min.replace(tzinfo=UTC)
        for item in sorted(own, key=lambda item: item["sequence"]):
            reached = max(reached, datetime.fromisoformat(item["moment"]))
            steps.append((reached, item["sequence"], item["state"]))
        return str(max(steps)[2])

    def history_of(self, task: str) -> list[str]:
        """The states that the task entered, as the feed told them, earliest first."""
        return [step["state"] for step in self.things["task", task]["history"]]


@contextmanager
def over(line: str, api: httpx.Client) -> Iterator[httpx.Client]:
    """A client of the same Retour as `api`, through what listens at `line`."""
    host = api.base_url.netloc.decode()
    with httpx.Client(base_url=line, headers={"Host": host}, timeout=api.timeout) as client:
        yield client
