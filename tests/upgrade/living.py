"""A day with the landed version, over HTTP: what people and devices do before the upgrade."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import msgspec

from server.access.principals import DEVICE_PREFIX
from tests.support.processes import until
from tests.upgrade.filling import PASSWORD, token
from tests.upgrade.versions import HOST

API: Final = "/api/v1"
#: Seconds for one answer.
TIMEOUT: Final = 120.0
#: Changes of a page, so that a device stops in the middle of its feed.
PAGE: Final = 50
COLLEAGUES: Final = 2
#: Where a device's sequence stands on that day, beyond all that were filled; and a day later.
SEQUENCE: Final = 100_000_000
NEXT_DAY: Final = 1_000_000
#: Steps of a push for tasks that nobody knows, which are its last.
PARKED: Final = 4


class Visitor(msgspec.Struct, frozen=True):
    """Somebody whom the server knows by these headers. `account`: whose, in words."""

    name: str
    account: str
    headers: Mapping[str, str]


class Device(msgspec.Struct, frozen=True):
    """A device with the cursor at which it stopped, and what it pushed so far.

    `unread`: pushes of which the landed version took nothing, so the device has them still.
    """

    visitor: Visitor
    cursor: str
    pushes: list[bytes]
    unread: list[bytes]


class Order(msgspec.Struct, frozen=True):
    """A step that a dispatcher told: `path` and `body` of the request."""

    visitor: Visitor
    path: str
    body: bytes


class Day(msgspec.Struct, frozen=True):
    """Who was there, and what they keep: sessions, tokens, cursors, links, what was sent.

    `staff`: an administrator first. `readers`: two of them, of one language each. `devices`: the
    last one is another one of the first one's technician.
    """

    staff: list[Visitor]
    readers: list[Visitor]
    devices: list[Device]
    orders: list[Order]
    links: list[str]


def client(port: int) -> httpx.Client:
    """Requests to the process on `port`, which is called as everywhere."""
    base = f"http://127.0.0.1:{port}"
    return httpx.Client(base_url=base, headers={"Host": HOST}, timeout=TIMEOUT)


def ask(
    line: httpx.Client, visitor: Visitor, path: str, body: object = None, **more: Any
) -> httpx.Response:
    """A read, or with a `body` a write."""
    if body is None:
        return line.get(path, headers=visitor.headers, **more)
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    headers = {**visitor.headers, "Content-Type": "application/json"}
    return line.post(path, headers=headers, content=content, **more)


def told(response: httpx.Response) -> Any:
    """What a successful answer says."""
    assert response.is_success, f"{response.request.url}: {response.status_code} {response.text}"
    return response.json() if response.content else None


def signed_in(line: httpx.Client, account: str, email: str, password: str) -> Visitor:
    """A session of a person."""
    body = {"email": email, "password": password}
    response = ask(line, Visitor(email, account, {}), f"{API}/sessions", body)
    told(response)
    cookies = "; ".join(f"{name}={value}" for name, value in response.cookies.items())
    line.cookies.clear()
    return Visitor(email, account, {"Cookie": cookies})


def demo_day(line: httpx.Client, folder: Path) -> Day:
    """A day of the demonstration, whose `retour up` has its data in `folder`."""
    people = json.loads((folder / "demo.json").read_text())["users"]
    staff = [
        signed_in(line, "demo", one["email"], one["password"])
        for one in people
        if one["role"] != "technician"
    ]
    admin = staff[0]
    users = told(ask(line, admin, f"{API}/users?limit=500"))["items"]
    technicians = [one["id"] for one in users if one["role"] == "technician"]
    phones = [_enrolled(line, admin, one) for one in technicians]
    second = _enrolled(line, admin, technicians[0])
    devices = _field_day(line, admin, phones, second, technicians)
    orders = _office_day(line, staff[2], technicians, devices)
    links = _answered(line)
    return Day(staff, [staff[1], staff[3]], devices, orders, links)


def north_day(line: httpx.Client, account: int, links: Sequence[str]) -> Day:
    """A day of the account that was filled by SQL. `links`: invitations whose links are opened."""
    emails = [f"{one}@nord.test" for one in range(4)]
    staff = [signed_in(line, "north", one, PASSWORD) for one in emails]
    phones = [_phone(account, one, 0) for one in range(10, 16)]
    users = told(ask(line, staff[0], f"{API}/users?limit=500"))["items"]
    places = {one["email"]: one["id"] for one in users}
    technicians = [places[f"{one}@nord.test"] for one in range(10, 16)]
    devices = _field_day(line, staff[0], phones, _phone(account, 10, 1), technicians)
    orders = _office_day(line, staff[1], technicians, devices)
    opened = [f"/s/{token(account, f'survey {one}')}" for one in links]
    leaving = [f"/u/{token(account, f'unsubscribe {one}')}" for one in links]
    return Day(staff, [staff[1], staff[2]], devices, orders, [*opened, *leaving])


def _phone(account: int, person: int, place: int) -> Visitor:
    credential = DEVICE_PREFIX + token(account, f"device {person} {place}")
    headers = {"Authorization": f"Bearer {credential}", "Retour-Protocol": "2"}
    return Visitor(f"{person}/{place}", "north", headers)


def _enrolled(line: httpx.Client, admin: Visitor, technician: str) -> Visitor:
    code = told(ask(line, admin, f"{API}/devices/codes", {"user": technician}))["code"]
    body = {"code": code, "name": "Téléphone"}
    credential = told(ask(line, Visitor("", "", {}), f"{API}/devices/enrol", body))["credential"]
    headers = {"Authorization": f"Bearer {credential}", "Retour-Protocol": "2"}
    return Visitor(technician, admin.account, headers)


def _field_day(
    line: httpx.Client,
    admin: Visitor,
    phones: Sequence[Visitor],
    second: Visitor,
    technicians: Sequence[str],
) -> list[Device]:
    """Each pulls a part of its feed and pushes every kind of step; parked ones are settled.

    `phones`: of `technicians`, in this order. `second`: another one of the first of them.
    """
    feeds = [_pulled(line, one) for one in phones]
    tasks = [[one for one in found if one["kind"] == "task" and "state" in one] for found in feeds]
    devices = []
    for place, phone in enumerate(phones):
        foreign = tasks[place - 1][:COLLEAGUES]
        pushes = [_push(line, phone, _steps(tasks[place], foreign))]
        pushes.append(_push(line, phone, _changed(pushes[0])))
        kept = _kept(tasks[place], pushes[0])
        unread = [_refused_whole(line, phone, [one]) for one in _unreadable(kept)]
        cursor = told(ask(line, phone, f"{API}/sync/pull?limit={PAGE}"))["cursor"]
        devices.append(Device(phone, cursor, pushes, unread))
    again = devices[0].pushes[0]
    told(ask(line, second, f"{API}/sync/push", again))
    cursor = told(ask(line, second, f"{API}/sync/pull?limit={PAGE}"))["cursor"]
    _settle(line, admin, technicians, devices)
    return [*devices, Device(second, cursor, [again], [])]


def _pulled(line: httpx.Client, phone: Visitor) -> list[dict[str, Any]]:
    return list(told(ask(line, phone, f"{API}/sync/pull?limit=2000"))["changes"])


def _steps(own: Sequence[dict[str, Any]], foreign: Sequence[dict[str, Any]]) -> list[object]:
    """Steps that get every verdict: accepted, refused for each reason, parked."""
    open_tasks = [one["id"] for one in own if one["state"] in {"100", "200", "300"}]
    chosen = (open_tasks or [one["id"] for one in own])[:3]
    accepted = [(task, state) for task in chosen for state in ("300", "400", "600")]
    strange = [(own[0]["id"], "999"), *((one["id"], "600") for one in foreign)]
    unknown, other = str(uuid4()), str(uuid4())
    parked = [(unknown, "300"), (unknown, "400"), (other, "300"), (str(uuid4()), "300")]
    return [
        _step(place, task, state)
        for place, (task, state) in enumerate([*accepted, *strange, *parked])
    ]


def _kept(own: Sequence[dict[str, Any]], push: bytes) -> list[dict[str, Any]]:
    """Those of a technician's tasks that the office gives to nobody else: all but the first one."""
    [first, *_] = json.loads(push)["transitions"]
    return [task for task in own if task["id"] != first["task"]]


def _unreadable(own: Sequence[dict[str, Any]]) -> list[object]:
    """Steps that the landed version cannot read, each for a reason of its own."""
    step = {"task": own[-1]["id"], "state": "400", "moment": datetime.now(UTC).isoformat()}
    wrong = ({"email": "pas une adresse"}, {"note": "trop " * 1000}, {"moment": "yesterday"})
    return [
        {**step, "id": str(uuid4()), "sequence": SEQUENCE + 1000 + n, **one}
        for n, one in enumerate(wrong)
    ]


def _step(place: int, task: str, state: str) -> dict[str, object]:
    """As devices write it: ids in their own spelling, a note here, a captured address there."""
    identity = uuid4()
    spellings = (str(identity), str(identity).upper(), identity.hex)
    more: tuple[dict[str, object], ...] = (
        {"note": "Pièce changée"},
        {"survey": False, "survey_reason": "Client absent"},
        {"email": "Chez.Nous@Example.test"},
        {},
    )
    moment = datetime.now(UTC).isoformat()
    step = {"id": spellings[place % 3], "task": task, "state": state, "moment": moment}
    return {**step, "sequence": SEQUENCE + place, **more[place % 4]}


def _changed(push: bytes) -> list[object]:
    """The first step under its id with something else in it, and a step with an old clock."""
    [first, *_] = json.loads(push)["transitions"]
    return [{**first, "note": "Autre chose"}]


def told_anew(push: bytes) -> bytes:
    """The same steps under other ids, done once more: later, and with higher sequences."""
    said = json.loads(push)
    for step in said["transitions"]:
        step["id"] = str(uuid4())
        step["moment"] = datetime.now(UTC).isoformat()
        step["sequence"] += NEXT_DAY
    return _body(said["transitions"])


def _push(line: httpx.Client, phone: Visitor, steps: list[object]) -> bytes:
    body = _body(steps)
    told(ask(line, phone, f"{API}/sync/push", body))
    return body


def _refused_whole(line: httpx.Client, phone: Visitor, steps: list[object]) -> bytes:
    body = _body(steps)
    response = ask(line, phone, f"{API}/sync/push", body)
    assert response.status_code == 400, response.text
    return body


def _body(steps: list[object]) -> bytes:
    return msgspec.json.encode({"device_now": datetime.now(UTC).isoformat(), "transitions": steps})


def _settle(
    line: httpx.Client, admin: Visitor, technicians: Sequence[str], devices: Sequence[Device]
) -> None:
    """Create two tasks that each device has steps parked for: its own, and a colleague's."""
    kind = told(ask(line, admin, f"{API}/task-types"))["items"][0]["id"]
    unit = told(ask(line, admin, f"{API}/units"))["items"][0]["id"]
    for place, device in enumerate(devices):
        waiting = [step["task"] for step in json.loads(device.pushes[0])["transitions"][-PARKED:]]
        for task, technician in ((waiting[0], place), (waiting[2], place - 1)):
            body = {"id": task, "type": kind, "state": "100", "title": "Importé", "unit": unit}
            told(ask(line, admin, f"{API}/tasks", {**body, "technician": technicians[technician]}))


def _office_day(
    line: httpx.Client,
    dispatcher: Visitor,
    technicians: Sequence[str],
    devices: Sequence[Device],
) -> list[Order]:
    """A dispatcher accepts what was refused, tells steps, and gives tasks to others."""
    orders = []
    for place, device in enumerate(devices[: len(technicians)]):
        refused = _refused(line, device)
        told(ask(line, dispatcher, f"{API}/transitions/{refused}/accept", b""))
        task = json.loads(device.pushes[0])["transitions"][0]["task"]
        path = f"{API}/tasks/{task}/transitions"
        order = Order(dispatcher, path, msgspec.json.encode({"id": str(uuid4()), "state": "700"}))
        told(ask(line, dispatcher, order.path, order.body))
        orders.append(order)
        other = {"technician": technicians[place - 1]}
        told(ask(line, dispatcher, f"{API}/tasks/{task}/assignments", other))
    return orders


def _refused(line: httpx.Client, device: Device) -> str:
    """One that the device pushed and that can be accepted."""
    results = told(ask(line, device.visitor, f"{API}/sync/push", device.pushes[0]))["results"]
    return str(next(one["id"] for one in results if one.get("reason") == "no_authority"))


def _answered(line: httpx.Client) -> list[str]:
    """The links of the mails that came: the first is answered twice, the second once."""
    links = until(lambda: list(_links(line)), "a mail is there")
    surveys = [one for one in links if one.startswith("/s/")]
    for link, rating in (*((one, 2) for one in surveys[:2]), (surveys[0], 4)):
        answer = {"rating": str(rating), "comment": "Un mot", "call_back": "yes"}
        answer["phone"] = "418 555-0123"
        response = line.post(link, data=answer)
        assert response.status_code in {200, 303}, response.text
    return links


def _links(line: httpx.Client) -> Iterator[str]:
    for mail in line.get("/mailbox/messages.json").json():
        for word in mail["text"].split():
            for purpose in ("/s/", "/u/"):
                if purpose in word:
                    yield purpose + word.partition(purpose)[2].partition("?")[0].strip("<>().,")
