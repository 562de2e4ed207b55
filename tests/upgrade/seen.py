"""The same questions to both versions, each on its own copy of the database."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urljoin
from uuid import UUID

import httpx

from server.api.protocol_version import NEWEST
from tests.upgrade.expected import (
    ACCEPTED_NOW,
    CHANGES,
    DUPLICATE_NOW,
    READ_NOW,
    Change,
    Judged,
    without_left_out,
)
from tests.upgrade.living import API, Day, Device, Visitor, ask, told, told_anew
from tests.upgrade.report import Compared
from tests.upgrade.said import difference, head_of, lines_of, page_of, story_of, values_of

#: Pages of a list that are turned at most.
MOST_PAGES: Final = 200
#: Technicians whose refused and parked steps are listed.
MOST_TECHNICIANS: Final = 10
#: Steps that are accepted of those that were refused for one reason.
MOST_ACTS: Final = 5
#: Lists of records, and what is told of an account.
LISTS: Final = (
    "units", "users", "customers", "locations", "task-types", "states", "tasks", "campaigns",
    "devices", "refused",
)  # fmt: skip
COLLECTIONS: Final = (
    "tasks", "customers", "locations", "task_types", "task_states", "transitions",
)  # fmt: skip


class Both:
    """A line to each version. `met`: the expected changes that were met."""

    def __init__(self, before: httpx.Client, after: httpx.Client) -> None:
        self._lines = before, after
        self.met: set[Change] = set()

    def ask(
        self, compared: Compared, visitor: Visitor, path: str, body: object = None, **more: Any
    ) -> httpx.Response:
        """Ask both, note whether they say the same; what the later version said."""
        old, new = (ask(line, visitor, path, body, **more) for line in self._lines)
        self._note(compared, visitor, path, lines_of(path, old), lines_of(path, new))
        compared.answers[str(new.status_code)] += 1
        return new

    def ask_page(self, compared: Compared, visitor: Visitor, path: str) -> None:
        """The page of a task with all earlier parts of its timeline."""
        old, new = (_whole_page(line, visitor, path) for line in self._lines)
        self._note(compared, visitor, path, old, new)
        compared.answers[new[0].partition(" ")[0]] += 1

    def ask_task(self, compared: Compared, visitor: Visitor, path: str) -> None:
        """A task by the API, with its whole timeline."""
        old, new = (_whole_task(line, visitor, path) for line in self._lines)
        before, after = values_of(without_left_out(old)), values_of(new)
        self._note(compared, visitor, path, [*before], [*after])

    def ask_each(
        self, visitor: Visitor, path: str, body: object = None
    ) -> tuple[httpx.Response, httpx.Response]:
        """What either says, which is not compared here."""
        old, new = (ask(line, visitor, path, body) for line in self._lines)
        return old, new

    def ask_from(
        self, compared: Compared, visitor: Visitor, before: str, after: str
    ) -> httpx.Response:
        """Another path each, whose answers differ in their cursors alone; the later version's."""
        old, new = (
            ask(line, visitor, path)
            for line, path in zip(self._lines, (before, after), strict=True)
        )
        lines = (
            [line for line in lines_of(after, one) if not line.startswith(".cursor = ")]
            for one in (old, new)
        )
        self._note(compared, visitor, after, *lines)
        return new

    def _note(
        self,
        compared: Compared,
        visitor: Visitor,
        path: str,
        before: Sequence[str],
        after: Sequence[str],
    ) -> None:
        found = difference(path, before, after, self.met)
        compared.note(None if found is None else f"{visitor.account} {visitor.name} {found}")


def _whole_page(line: httpx.Client, visitor: Visitor, path: str) -> list[str]:
    """The last page of a task with the timeline of all of them."""
    first = ask(line, visitor, path)
    last = page = page_of(path, first.text)
    parts = [page.story]
    while "prev" in page.links:
        page = page_of(path, ask(line, visitor, urljoin(path, page.links["prev"])).text)
        parts.insert(0, page.story)
    return [head_of(first), *last.lines, *story_of(parts)]


def _whole_task(line: httpx.Client, visitor: Visitor, path: str) -> Any:
    """A task as the API tells it, with its whole timeline."""
    task = told(ask(line, visitor, path))
    while task.get("earlier"):
        part = told(ask(line, visitor, f"{path}/timeline?limit=7&before={task['earlier']}"))
        task["timeline"] = [*part["items"], *task["timeline"]]
        task["earlier"] = part["earlier"]
    return task


def compare_seen(
    both: Both, day: Day, tasks: Sequence[str], pages: int = MOST_PAGES
) -> Iterator[Compared]:
    """Everything that the people and devices of `day` see, and what happens to what they resend.

    `tasks`: whose pages are opened. `pages`: of each list, at most.
    """
    account = day.staff[0].account
    yield _task_pages(both, Compared(f"task pages, {account}"), day.readers, tasks)
    yield _console(both, Compared(f"other pages, {account}"), day, pages)
    yield _answers(both, Compared(f"tasks by API, {account}"), day.staff[0], tasks)
    yield _lists(both, Compared(f"lists by API, {account}"), day.staff[0], pages)
    yield _surveys(both, Compared(f"survey pages, {account}"), day.links)
    yield _feeds(both, Compared(f"feeds, {account}"), day.devices, pages)
    yield _shapes(both, Compared(f"feeds of RxDB and WatermelonDB, {account}"), day.devices[0])
    yield _replays(both, Compared(f"pushes and orders sent again, {account}"), day)


def _task_pages(
    both: Both, compared: Compared, readers: Sequence[Visitor], tasks: Sequence[str]
) -> Compared:
    """Each to one reader, whom its id names: no other task's state has a say in who sees it."""
    for task in tasks:
        made_at = UUID(task).int >> 80  # milliseconds, or a task's number
        both.ask_page(compared, readers[made_at % len(readers)], f"/tasks/{task}")
    return compared


def _turn(both: Both, compared: Compared, visitor: Visitor, path: str, pages: int) -> None:
    """A page and those that it leads on to, one after the other."""
    for _ in range(pages):
        answer = both.ask(compared, visitor, path)
        following = page_of(path, answer.text).links.get("next")
        if following is None:
            return
        path = urljoin(path, following)


def _console(both: Both, compared: Compared, day: Day, pages: int) -> Compared:
    """As each person sees it; whole lists in either language."""
    for visitor in day.staff:
        for path in (
            "/campaigns",
            "/devices",
            "/tasks?state=600",
            "/tasks?q=introuvable",
            "/tasks?q=17",
        ):
            both.ask(compared, visitor, path)
    for path in ("/tasks", "/refused", "/refused?show=parked"):
        for visitor in day.readers:
            _turn(both, compared, visitor, path, pages)
    campaigns = both.ask(compared, day.staff[0], f"{API}/campaigns").json()["items"]
    for one in campaigns:
        for visitor in day.readers:
            both.ask(compared, visitor, f"/campaigns/{one['id']}")
    return compared


def _answers(both: Both, compared: Compared, admin: Visitor, tasks: Sequence[str]) -> Compared:
    for task in tasks:
        both.ask_task(compared, admin, f"{API}/tasks/{task}")
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
    """From the start, and from where each stopped before the upgrade.

    The first also as an app that was not updated for long, and as one that is updated now.
    """
    for device in devices:
        both.ask(compared, device.visitor, f"{API}/sync/me")
        for cursor in ("", f"&cursor={device.cursor}"):
            _pull(both, compared, device.visitor, cursor, pages)
    visitor, cursor = devices[0].visitor, devices[0].cursor
    headers = {"Authorization": visitor.headers["Authorization"]}
    _pull(both, compared, Visitor("an old app", visitor.account, headers), "", pages)
    both.ask(compared, visitor, f"{API}/sync/pull?cursor=AAAA")
    packed = {**visitor.headers, "Accept": "application/msgpack"}
    terse = Visitor("MessagePack", visitor.account, packed)
    both.ask(compared, terse, f"{API}/sync/pull?limit=1000")
    updated = Visitor(
        "an updated app", visitor.account, {**headers, "Retour-Protocol": str(NEWEST)}
    )
    start = f"{API}/sync/pull?limit=1000"
    both.ask_from(compared, updated, start, f"{start}&cursor={cursor}")
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
    """The same is done on both: what was refused is accepted, and more is pushed.

    Afterwards devices pull what came of it from where they stopped.
    """
    admin = day.staff[0]
    compared = Compared(f"what is done next, {admin.account}")
    listed = both.ask(compared, admin, f"{API}/refused?limit=500").json()["items"]
    for reason in ("no_authority", "unknown_state"):
        for one in [one for one in listed if one["reason"] == reason][:MOST_ACTS]:
            both.ask(compared, admin, f"{API}/transitions/{one['id']}/accept", b"")
    for device in day.devices:
        again = told_anew(device.pushes[0])
        answer = both.ask(compared, device.visitor, f"{API}/sync/push", again).json()
        compared.answers.update(_verdict(one) for one in answer["results"])
        _pull(both, compared, device.visitor, f"&cursor={device.cursor}", MOST_PAGES)
    return compared


def compare_judged(both: Both, day: Day) -> Compared:
    """What each version makes of steps that it reads or judges otherwise than the other one."""
    compared = Compared(f"what is judged otherwise, {day.staff[0].account}")
    for device in day.devices:
        for body, change in zip(device.unread, READ_NOW, strict=False):
            _judged(both, compared, device, body, change)
    _create_waited_for(both, compared, day)
    *devices, second = day.devices
    for device in devices:
        _judged(both, compared, device, device.pushes[0], ACCEPTED_NOW)
    _judged(both, compared, second, second.pushes[0], DUPLICATE_NOW)
    return compared


def _judged(both: Both, compared: Compared, device: Device, body: bytes, change: Judged) -> None:
    """The last step of a push: refused as a whole, or by its verdict."""
    answers = both.ask_each(device.visitor, f"{API}/sync/push", body)
    was, comes = (
        _verdict(one.json()["results"][-1]) if one.is_success else str(one.status_code)
        for one in answers
    )
    same = (was, comes) == (change.before, change.after)
    compared.note(None if same else f"{change.why}: was {was}, is {comes}")
    compared.answers[f"{was}, {comes}"] += 1


def _create_waited_for(both: Both, compared: Compared, day: Day) -> None:
    """The task that the last step of each device waits for, which its technician gets."""
    admin = day.staff[0]
    unit = both.ask(compared, admin, f"{API}/units").json()["items"][0]["id"]
    kind = both.ask(compared, admin, f"{API}/task-types").json()["items"][0]["id"]
    for device in day.devices:
        technician = both.ask(compared, device.visitor, f"{API}/sync/me").json()["technician"]["id"]
        task = json.loads(device.pushes[0])["transitions"][-1]["task"]
        task_of = {"id": task, "technician": technician, "type": kind, "unit": unit}
        item = {**task_of, "state": "100", "title": "Importé"}
        both.ask(compared, admin, f"{API}/tasks/upsert", {"items": [item]})


def compare_expected(both: Both) -> Compared:
    """Every change that is expected was met: the others would hide what is none."""
    compared = Compared("expected changes")
    for change in (change for change in CHANGES if change.always):
        told = f"nothing needs it: {change.where} {change.before} {change.after}"
        compared.note(None if change in both.met else told)
    return compared
