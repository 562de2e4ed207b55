"""The same questions to both versions, each on its own copy of the database."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urljoin

import httpx

from tests.upgrade.living import API, Day, Device, Visitor, ask, told_anew
from tests.upgrade.report import Compared
from tests.upgrade.said import difference, lines_of, page_of

#: Pages of a list that are turned at most.
MOST_PAGES: Final = 200
#: Technicians whose refused and parked steps are listed.
MOST_TECHNICIANS: Final = 10
#: Open steps that are accepted, and tasks that are created because steps wait for them.
MOST_ACTS: Final = 10
#: Lists of records, and what is told of an account.
LISTS: Final = (
    "units", "users", "customers", "locations", "task-types", "states", "tasks", "campaigns",
    "devices", "refused",
)  # fmt: skip
COLLECTIONS: Final = (
    "tasks", "customers", "locations", "task_types", "task_states", "transitions",
)  # fmt: skip


class Both:
    """A line to each version."""

    def __init__(self, before: httpx.Client, after: httpx.Client) -> None:
        self._lines = before, after

    def ask(
        self, compared: Compared, visitor: Visitor, path: str, body: object = None, **more: Any
    ) -> httpx.Response:
        """Ask both, note whether they say the same; what the later version said."""
        old, new = (ask(line, visitor, path, body, **more) for line in self._lines)
        found = difference(path, lines_of(path, old), lines_of(path, new))
        compared.note(None if found is None else f"{visitor.account} {visitor.name} {found}")
        compared.answers[str(new.status_code)] += 1
        return new


def compare_seen(
    both: Both, day: Day, tasks: Sequence[str], pages: int = MOST_PAGES
) -> Iterator[Compared]:
    """Everything that the people and devices of `day` see, and what happens to what they resend.

    `tasks`: whose pages are opened. `pages`: of each list, at most.
    """
    account = day.staff[0].account
    yield _task_pages(both, Compared(f"task pages, {account}"), day.staff, tasks)
    yield _console(both, Compared(f"other pages, {account}"), day.staff, pages)
    yield _answers(both, Compared(f"tasks by API, {account}"), day.staff[0], tasks)
    yield _lists(both, Compared(f"lists by API, {account}"), day.staff[0], pages)
    yield _surveys(both, Compared(f"survey pages, {account}"), day.links)
    yield _feeds(both, Compared(f"feeds, {account}"), day.devices, pages)
    yield _shapes(both, Compared(f"feeds of RxDB and WatermelonDB, {account}"), day.devices[0])
    yield _replays(both, Compared(f"pushes and orders sent again, {account}"), day)


def _task_pages(
    both: Both, compared: Compared, staff: Sequence[Visitor], tasks: Sequence[str]
) -> Compared:
    """To two readers of two languages in turn, with all earlier parts of the timeline."""
    for place, task in enumerate(tasks):
        _turn(both, compared, staff[1 + place % 3], f"/tasks/{task}", MOST_PAGES)
    return compared


def _turn(both: Both, compared: Compared, visitor: Visitor, path: str, pages: int) -> None:
    """A page and those that it leads on to, one after the other."""
    for _ in range(pages):
        answer = both.ask(compared, visitor, path)
        _, following = page_of(path, answer.text)
        if following is None:
            return
        path = urljoin(path, following).partition("#")[0]


def _console(both: Both, compared: Compared, staff: Sequence[Visitor], pages: int) -> Compared:
    for visitor in staff:
        for path in ("/campaigns", "/devices", "/tasks?state=600", "/tasks?q=Client+1"):
            both.ask(compared, visitor, path)
    for path in ("/tasks", "/refused", "/refused?show=parked"):
        _turn(both, compared, staff[2], path, pages)
    campaigns = both.ask(compared, staff[1], f"{API}/campaigns").json()["items"]
    for one in campaigns:
        both.ask(compared, staff[1], f"/campaigns/{one['id']}")
    return compared


def _answers(both: Both, compared: Compared, admin: Visitor, tasks: Sequence[str]) -> Compared:
    """A task with its result; its timeline from end to end; who had it."""
    for task in tasks:
        both.ask(compared, admin, f"{API}/tasks/{task}")
        both.ask(compared, admin, f"{API}/tasks/{task}/assignments")
        before = ""
        for _ in range(MOST_PAGES):
            path = f"{API}/tasks/{task}/timeline?limit=7{before}"
            earlier = both.ask(compared, admin, path).json()["earlier"]
            if earlier is None:
                break
            before = f"&before={earlier}"
    return compared


def _lists(both: Both, compared: Compared, admin: Visitor, pages: int) -> Compared:
    both.ask(compared, admin, f"{API}/me")
    both.ask(compared, admin, f"{API}/tokens")
    users = both.ask(compared, admin, f"{API}/users?limit=500").json()["items"]
    for one in [one["id"] for one in users if one["role"] == "technician"][:MOST_TECHNICIANS]:
        both.ask(compared, admin, f"{API}/refused?limit=500&technician={one}")
    for name in LISTS:
        after = ""
        for _ in range(pages):
            path = f"{API}/{name}?limit=500{after}"
            following = both.ask(compared, admin, path).json()["next"]
            if following is None:
                break
            after = f"&after={following}"
    return compared


def _surveys(both: Both, compared: Compared, links: Sequence[str]) -> Compared:
    for link in links:
        both.ask(compared, Visitor("customer", "", {}), link)
    return compared


def _feeds(both: Both, compared: Compared, devices: Sequence[Device], pages: int) -> Compared:
    """From the start, and from where each stopped before the upgrade; as an old app too."""
    for place, device in enumerate(devices):
        visitor = device.visitor
        both.ask(compared, visitor, f"{API}/sync/me")
        for cursor in ("", f"&cursor={device.cursor}"):
            _pull(both, compared, visitor, cursor, pages)
        if place == 0:
            headers = {"Authorization": visitor.headers["Authorization"]}
            old = Visitor("an old app", visitor.account, headers)
            _pull(both, compared, old, "", pages)
            packed = {**visitor.headers, "Accept": "application/msgpack"}
            terse = Visitor("MessagePack", visitor.account, packed)
            both.ask(compared, terse, f"{API}/sync/pull?limit=1000")
            both.ask(compared, visitor, f"{API}/sync/pull?cursor=AAAA")
    return compared


def _pull(both: Both, compared: Compared, visitor: Visitor, cursor: str, pages: int) -> None:
    for _ in range(pages):
        page = both.ask(compared, visitor, f"{API}/sync/pull?limit=1000{cursor}").json()
        if not page["more"]:
            return
        cursor = f"&cursor={page['cursor']}"


def _shapes(both: Both, compared: Compared, device: Device) -> Compared:
    visitor = device.visitor
    for collection in COLLECTIONS:
        both.ask(compared, visitor, f"{API}/sync/rxdb/{collection}/pull?limit=5000")
    both.ask(compared, visitor, f"{API}/sync/watermelon/pull")
    return compared


def _replays(both: Both, compared: Compared, day: Day) -> Compared:
    """Every push and every order again: each gets the verdict that it had."""
    for device in day.devices:
        for body in device.pushes:
            answer = both.ask(compared, device.visitor, f"{API}/sync/push", body).json()
            compared.answers.update(_verdict(one) for one in answer["results"])
    for order in day.orders:
        both.ask(compared, order.visitor, order.path, order.body)
    return compared


def _verdict(result: Mapping[str, str | None]) -> str:
    return result.get("reason") or str(result["verdict"])


def compare_acts(both: Both, day: Day) -> Compared:
    """The same is done on both: what was open is accepted or settled, and more is pushed.

    Afterwards devices pull what came of it from where they stopped.
    """
    admin = day.staff[0]
    compared = Compared(f"what is done next, {admin.account}")
    listed = both.ask(compared, admin, f"{API}/refused?limit=500").json()["items"]
    for one in [one for one in listed if one["verdict"] == "refused"][:MOST_ACTS]:
        both.ask(compared, admin, f"{API}/transitions/{one['id']}/accept", b"")
    unit = both.ask(compared, admin, f"{API}/units").json()["items"][0]["id"]
    kind = both.ask(compared, admin, f"{API}/task-types").json()["items"][0]["id"]
    parked = {one["task"]: one["technician"] for one in listed if one["verdict"] == "parked"}
    for task, technician in list(parked.items())[:MOST_ACTS]:
        task_of = {"id": task, "technician": technician, "type": kind, "unit": unit}
        item = {**task_of, "state": "100", "title": "Importé"}
        both.ask(compared, admin, f"{API}/tasks/upsert", {"items": [item]})
    for device in day.devices:
        again = told_anew(device.pushes[0])
        answer = both.ask(compared, device.visitor, f"{API}/sync/push", again).json()
        compared.answers.update(_verdict(one) for one in answer["results"])
        _pull(both, compared, device.visitor, f"&cursor={device.cursor}", MOST_PAGES)
    return compared
