"""Every change leaves who did it and what differs, with the change or not at all."""

import asyncio
import base64
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx
import msgspec
import pytest
from litestar.routes import HTTPRoute

from server.access.api_tokens import TokenOrder
from server.access.rights import Action
from server.cli import accounts
from server.provisioning.provision import provision
from sync import tokens
from sync.database import tx
from sync.ids import new_id
from sync.records.customers import put_customers
from sync.records.shapes import AccountPut, CustomerPut
from tests.mail.sent import sent
from tests.server.test_tenants import DENIED, attempt, definition
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing
from tests.support.images import CIRCLE, drawing
from tests.support.office import PASSWORD, Office, in_database
from tests.support.signed_in import COOKIE, session
from tests.support.signing_in import rows

Row = Mapping[str, Any]

AUDIT: Final = "/api/v1/audit"
#: Routes that change nothing that is told: sessions have a log of their own, what devices push and
#: what customers say are facts.
SILENT: Final = {
    "POST /api/v1/sessions",
    "DELETE /api/v1/sessions",
    "POST /login",
    "POST /logout",
    "POST /api/v1/sync/push",
    "POST /api/v1/sync/rxdb/transitions/push",
    "POST /api/v1/sync/watermelon/push",
    "POST /s/{token}",
    "POST /u/{token}",
}
#: Told where no route is named so: a command makes accounts, an answer asks for something.
OF_OTHERS: Final = {"account.create", "follow_up.open"}


class Told(msgspec.Struct, frozen=True):
    """A row that is expected: of a change, exactly what differs; of what is new, some of it."""

    action: str
    object: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None

    def fits(self, row: Row) -> bool:
        """Whether `row` says so."""
        before, after = row["before"], row["after"]
        same = (row["action"], before) == (self.action, self.before)
        if before is None and self.after is not None:
            after = {key: (after or {}).get(key) for key in self.after}
        return same and row["object"].startswith(self.object) and after == self.after


class Step(msgspec.Struct, frozen=True):
    """A request to a route, and the rows that it leaves, in their order."""

    route: str
    path: str
    body: dict[str, Any] | None
    told: list[Told]


class Desk:
    """An office whose changes are read as they come."""

    def __init__(self, api: Served, shared: TestDatabase, office: Office) -> None:
        self.api, self.shared, self.office = api, shared, office
        self.seen: set[UUID] = {row["id"] for row in self._all()}

    def _all(self) -> list[Row]:
        sql = "SELECT * FROM audit WHERE account = $1 ORDER BY at, id"
        found = rows(self.shared.owner, sql, self.office.world.account)
        read = msgspec.json.decode
        return [
            {
                **row,
                "before": row["before"] and read(row["before"]),
                "after": row["after"] and read(row["after"]),
            }
            for row in found
        ]

    def news(self) -> list[Row]:
        """What was told since the last look."""
        found = [row for row in self._all() if row["id"] not in self.seen]
        self.seen |= {row["id"] for row in found}
        return found

    def refused(self) -> str:
        """A step of alice on a task that is not hers."""
        world = self.office.world
        task = in_database(self.shared.api, lambda: world.task(technician=world.bob))
        key, now = str(new_id()), "2026-01-01T00:00:00Z"
        item = {"id": key, "task": str(task), "state": "600", "moment": now, "sequence": 1}
        body = {"device_now": now, "transitions": [item]}
        push = self.api.client.post("/api/v1/sync/push", json=body, headers=self.office.device)
        assert push.json()["results"][0]["verdict"] == "refused"
        return key

    def follow_up(self) -> str:
        """What a negative answer leaves to be read."""
        mail = in_database(self.shared.worker, lambda: sent(self.office.world))
        answer = self.api.client.post(f"/s/{mail.survey}", data={"rating": "1"})
        assert answer.status_code == 303
        sql = "SELECT id FROM follow_up WHERE account = $1 AND invitation = $2"
        [row] = rows(self.shared.owner, sql, self.office.world.account, mail.invitation)
        return str(row["id"])

    def survey(self) -> str:
        """A survey that was sent to a customer with an address."""
        world, customer = self.office.world, self.office.customer

        async def leave() -> str:
            return str((await sent(world, await world.task(customer=customer))).invitation)

        return in_database(self.shared.worker, leave)

    def enrolled(self) -> str:
        """One more device of alice's."""
        world = self.office.world
        device, _ = in_database(self.shared.api, lambda: world.enrolled(world.alice))
        return str(device.device)

    def made(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What a program makes."""
        answer = self.api.client.post(path, json=body, headers=self.office.program)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def desk(api: Served, shared: TestDatabase, north: Office) -> Desk:
    """The northern office."""
    return Desk(api, shared, north)


def records(desk: Desk) -> Iterator[Step]:
    """What administrators keep: of each kind one is made, one put from elsewhere, one changed."""
    world = desk.office.world
    head, site = str(world.head_office), str(world.site)
    kinds: list[tuple[str, str, dict[str, Any], str, tuple[str, str]]] = [
        ("units", "unit", {"kind": "site", "parent": head}, site, ("Rimouski", "Matane")),
        ("users", "user", {"role": "manager", "unit": site}, str(world.bob), ("Bob", "Robert")),
        ("customers", "customer", {}, str(desk.office.customer), ("Marie Tremblay", "Marie")),
        ("locations", "location", {"address": "x"}, "", ("Chalet", "Camp")),
        (
            "task-types",
            "task_type",
            {},
            str(world.service_call),
            ("Appel de service", "Appel"),
        ),
    ]
    for plural, noun, needed, key, (was, now) in kinds:
        path = f"/api/v1/{plural}"
        for number, (verb, tail, template) in enumerate(
            [("POST", "", ""), ("PUT", "/external/7", "/external/{external_id}")]
        ):
            body = {**needed, "name": "New"}
            if noun == "user":
                body["email"] = f"new{number}@example.org"
            told = Told(f"{noun}.write", f"{noun}/", None, body)
            yield Step(f"{verb} {path}{template}", path + tail, body, [told])
        known = key or str(in_database(desk.shared.api, world.location))
        desk.news()
        told = Told(f"{noun}.write", f"{noun}/{known}", {"name": was}, {"name": now})
        items = {"items": [{"id": known, "name": now}]}
        yield Step(f"POST {path}/upsert", f"{path}/upsert", items, [told])
    state = {"code": "650", "name": "Presque", "kind": "active"}
    told = Told("state.write", "state/650", None, state)
    yield Step("POST /api/v1/states", "/api/v1/states", state, [told])
    told = Told("state.write", "state/650", {"kind": "active"}, {"kind": "done"})
    items = {"items": [{"code": "650", "kind": "done"}]}
    yield Step("POST /api/v1/states/upsert", "/api/v1/states/upsert", items, [told])


def work(desk: Desk) -> Iterator[Step]:
    """Tasks and who has them."""
    world, task = desk.office.world, str(desk.office.task)
    alice, bob = str(world.alice), str(world.bob)
    new = {"type": str(world.service_call), "state": "100", "unit": str(world.site)}
    path = "/api/v1/tasks"
    yield Step(
        f"POST {path}",
        path,
        {**new, "title": "x", "technician": alice},
        [
            Told("task.write", "task/", None, {**new, "title": "x", "technician": alice}),
            Told("task.assign", "task/", None, {}),
        ],
    )
    told = Told("task.write", "task/", None, {**new, "title": "y", "external_id": "T7"})
    external = "/external/{external_id}"
    yield Step(f"PUT {path}{external}", f"{path}/external/T7", {**new, "title": "y"}, [told])
    title = {"title": f"Secret de {desk.office.name}"}
    told = Told("task.write", f"task/{task}", title, {"title": "z"})
    items = {"items": [{"id": task, "title": "z"}]}
    yield Step(f"POST {path}/upsert", f"{path}/upsert", items, [told])
    since, later = "2009-01-01T00:00:00Z", "2026-05-01T12:00:00Z"
    was = {"technician": alice, "unit": None, "start": since, "end": None}
    now = {"technician": bob, "unit": None, "start": later, "end": None}
    yield Step(
        f"POST {path}/{{key}}/assignments",
        f"{path}/{task}/assignments",
        {"technician": bob, "start": later},
        [
            Told("task.write", f"task/{task}", {"technician": alice}, {"technician": bob}),
            Told("task.assign", f"task/{task}", {"assignments": [was]}, {"assignments": [now]}),
        ],
    )
    step = {"id": str(new_id()), "state": "300"}
    told = Told("task.progress", f"task/{task}", None, {"transition": step["id"], "state": "300"})
    yield Step(f"POST {path}/{{key}}/transitions", f"{path}/{task}/transitions", step, [told])
    refused = desk.refused()
    desk.news()
    path = "/api/v1/transitions"
    reason = {"reason": "Saisie deux fois"}
    told = dismissed(refused)
    yield Step(f"POST {path}/{{key}}/dismiss", f"{path}/{refused}/dismiss", reason, [told])
    yield Step(f"POST {path}/{{key}}/accept", f"{path}/{refused}/accept", None, [accepted(refused)])


def accepted(transition: str) -> Told:
    """A refused transition that was accepted."""
    before = {"verdict": "refused", "reason": "no_authority"}
    after = {"verdict": "accepted", "reason": None}
    return Told("refused.accept", f"transition/{transition}", before, after)


def dismissed(transition: str) -> Told:
    """A refused transition that was dismissed."""
    return Told("refused.dismiss", f"transition/{transition}", None, {"reason": "Saisie deux fois"})


def access(desk: Desk) -> Iterator[Step]:
    """Who may come in."""
    alice = str(desk.office.world.alice)
    told = Told("password.write", f"user/{alice}")
    path = f"/api/v1/users/{alice}/password"
    body = {"password": "a long enough password"}
    yield Step("POST /api/v1/users/{key}/password", path, body, [told])
    path = "/api/v1/tokens"
    told = Told("token.make", "token/", None, {"name": "Montage"})
    yield Step(f"POST {path}", path, {"name": "Montage"}, [told])
    token = desk.made(path, {"name": "x"})["id"]
    desk.news()
    told = Told("token.revoke", f"token/{token[:16]}", None, {})
    yield Step(f"DELETE {path}/{{key}}", f"{path}/{token}", None, [told])
    told = Told("code.issue", f"user/{alice}", None, {})
    path = "/api/v1/devices/codes"
    yield Step(f"POST {path}", path, {"user": alice}, [told])
    device = desk.enrolled()
    desk.news()
    told = Told("device.revoke", f"device/{device}", None, {})
    path = f"/api/v1/devices/{device}/revoke"
    yield Step("POST /api/v1/devices/{key}/revoke", path, None, [told])


def campaigns(desk: Desk) -> Iterator[Step]:
    """A campaign's life."""
    path, says = "/api/v1/campaigns", definition(desk.office)
    told = Told("campaign.write", "campaign/", None, {"name": "Été"})
    yield Step(f"POST {path}", path, {"name": "Été", "definition": says}, [told])
    key = desk.made(path, {"name": "Hiver", "definition": says})["id"]
    desk.news()
    edited = {"name": "Hiver 2", "definition": says | {"delay": "00:12:00"}}
    was = {"name": "Hiver", "version": 1, "definition": {"delay": "00:00:00"}}
    now = {"name": "Hiver 2", "version": 2, "definition": {"delay": "00:12:00"}}
    told = Told("campaign.write", f"campaign/{key}", was, now)
    yield Step(f"PUT {path}/{{key}}", f"{path}/{key}", edited, [told])
    states = ["draft", "active", "paused", "active", "archived"]
    for place, verb in enumerate(("activate", "pause", "resume", "archive")):
        before, after = ({"status": status} for status in states[place : place + 2])
        told = Told(f"campaign.{verb}", f"campaign/{key}", before, after)
        yield Step(f"POST {path}/{{key}}/{verb}", f"{path}/{key}/{verb}", None, [told])


def calendar(desk: Desk) -> Iterator[Step]:
    """When mail may go."""
    path, said = "/api/v1/calendar", {"region": "CA-QC"}
    told = Told("calendar.write", "calendar/", None, said)
    yield Step(f"PUT {path}", path, said, [told])


def cap(desk: Desk) -> Iterator[Step]:
    """How often an address is asked."""
    path, said = "/api/v1/cap", {"surveys": 2, "days": 90}
    yield Step(f"PUT {path}", path, said, [Told("cap.write", "cap/", None, said)])
    yield Step(f"DELETE {path}", path, None, [Told("cap.write", "cap/", said, None)])


def asking(desk: Desk) -> Iterator[Step]:
    """Asking again about a task, and the switch that stops all sending."""
    key, task = active_campaign(desk), f"/api/v1/tasks/{desk.office.task}"
    client, headers = desk.api.client, desk.office.program
    step = {"id": str(new_id()), "state": "300"}
    assert client.post(f"{task}/transitions", json=step, headers=headers).status_code == 201
    desk.news()
    path, body = "POST /api/v1/tasks/{key}", {"campaign": key, "reason": "x", "waive_limits": True}
    yield Step(f"{path}/surveys", f"{task}/surveys", body, [by_hand(desk, key)])
    yield Step(f"{path}/rounds", f"{task}/rounds", {"round": 2, "reason": "x"}, [a_round(desk, 2)])
    path = "/api/v1/account/sending"
    yield Step(f"POST {path}/pause", f"{path}/pause", {"reason": "x"}, [switched(off=True)])
    yield Step(f"POST {path}/resume", f"{path}/resume", None, [switched(off=False)])


def active_campaign(desk: Desk) -> str:
    """A campaign that asks about service calls."""
    made = desk.made("/api/v1/campaigns", {"name": "Été", "definition": definition(desk.office)})
    path = f"/api/v1/campaigns/{made['id']}/activate"
    desk.api.client.post(path, headers=desk.office.program)
    desk.news()
    return str(made["id"])


def by_hand(desk: Desk, campaign: str) -> Told:
    """A survey was sent by hand."""
    after = {"campaign": campaign, "reason": "x"}
    return Told("survey.send", f"task/{desk.office.task}", None, after)


def a_round(desk: Desk, number: int) -> Told:
    """A round was opened."""
    return Told("round.open", f"task/{desk.office.task}", None, {"round": number, "reason": "x"})


def switched(*, off: bool) -> Told:
    """All sending was stopped, or resumed."""
    after = {"paused": True, "reason": "x"} if off else {"paused": False}
    verb = "pause" if off else "resume"
    return Told(f"sending.{verb}", "account/", {"paused": not off}, after)


def managing(desk: Desk) -> Iterator[Step]:
    """The forms of the console that are not for dispatchers."""
    key, why = active_campaign(desk), {"why": "x"}
    path = "/campaigns/sending"
    yield Step(f"POST {path}/pause", f"{path}/pause", why, [switched(off=True)])
    yield Step(f"POST {path}/resume", f"{path}/resume", {}, [switched(off=False)])
    states = ["active", "paused", "active", "archived"]
    for place, verb in enumerate(("pause", "resume", "archive")):
        before, after = ({"status": status} for status in states[place : place + 2])
        told = Told(f"campaign.{verb}", f"campaign/{key}", before, after)
        path = f"/campaigns/{key}/{verb}"
        yield Step(f"POST /campaigns/{{campaign}}/{verb}", path, {}, [told])


def sends(desk: Desk) -> Iterator[Step]:
    """A survey that is sent again, and that further mail cancelled."""
    survey = desk.survey()
    desk.news()
    path, order = "/api/v1/sends", {"id": str(new_id()), "reason": "Perdu"}
    for verb, body in (("resend", order), ("cancel", {"reason": "Retrouvé"})):
        told = Told(f"survey.{verb}", f"invitation/{survey}", None, {"reason": body["reason"]})
        yield Step(f"POST {path}/{{key}}/{verb}", f"{path}/{survey}/{verb}", body, [told])


def console(desk: Desk) -> Iterator[Step]:
    """The forms of the console that dispatchers send."""
    alice, task = str(desk.office.world.alice), str(desk.office.task)
    step = {"id": str(new_id()), "state": "600"}
    told = Told("task.progress", f"task/{task}", None, {"transition": step["id"]})
    path = f"/tasks/{task}/transitions"
    yield Step("POST /tasks/{task}/transitions", path, step, [told])
    key, path = active_campaign(desk), f"/tasks/{task}"
    form = {"campaign": key, "why": "x"}
    sent = [by_hand(desk, key)]
    yield Step("POST /tasks/{task}/survey/send", f"{path}/survey/send", form, sent)
    form = {"round": "3", "why": "x"}
    opened = [a_round(desk, 3)]
    yield Step("POST /tasks/{task}/round/open", f"{path}/round/open", form, opened)
    refused, device = desk.refused(), desk.enrolled()
    desk.news()
    path, why = f"/refused/{refused}", {"why": "Saisie deux fois"}
    yield Step("POST /refused/{transition}/dismiss", f"{path}/dismiss", why, [dismissed(refused)])
    yield Step(
        "POST /refused/{transition}/accept",
        f"{path}/accept",
        {"dismissed": "yes"},
        [accepted(refused)],
    )
    follow_up = desk.follow_up()
    desk.news()
    path = f"/follow-ups/{follow_up}"
    states: list[dict[str, Any]] = [{"status": "open"}]
    states += [{"status": "closed", "resolution": "handled", "note": "Lu"}, {"status": "open"}]
    told = Told("follow_up.close", f"follow_up/{follow_up}", *states[:2])
    yield Step(
        "POST /follow-ups/{key}/close", f"{path}/close", {"version": 1, "note": "Lu"}, [told]
    )
    states[1].pop("note")
    told = Told("follow_up.reopen", f"follow_up/{follow_up}", *states[1:])
    yield Step("POST /follow-ups/{key}/reopen", f"{path}/reopen", {}, [told])
    survey = desk.survey()
    desk.news()
    for verb in ("resend", "cancel"):
        told = Told(f"survey.{verb}", f"invitation/{survey}", None, {"reason": "Perdu"})
        yield Step(
            f"POST /sends/{{key}}/{verb}", f"/sends/{survey}/{verb}", {"why": "Perdu"}, [told]
        )
    told = Told("code.issue", f"user/{alice}", None, {})
    yield Step("POST /devices/enrol/{technician}", f"/devices/enrol/{alice}", {}, [told])
    told = Told("device.revoke", f"device/{device}", None, {})
    yield Step("POST /devices/{device}/revoke", f"/devices/{device}/revoke", {}, [told])


def addresses(desk: Desk) -> Iterator[Step]:
    """Who sends, and who is not written to."""
    sender = desk.api.client.get("/api/v1/sender", headers=desk.office.program).json()
    new = sender | {"legal_name": "Autre inc."}
    before, after = {"legal_name": sender["legal_name"]}, {"legal_name": "Autre inc."}
    told = Told("sender.write", "account/", before, after)
    yield Step("PUT /api/v1/sender", "/api/v1/sender", new, [told])
    path, order = "/api/v1/suppressions", {"address": "a@example.org", "reason": "bounced"}
    yield Step(f"POST {path}", path, order, [suppressed("bounced", "staff")])
    key = desk.made(path, {"address": "b@example.org", "reason": "full"})["id"]
    desk.news()
    lifted = {"suppressed": None, "why": "Vidée"}
    told = Told("suppression.lift", f"contact/{key}", {"suppressed": "full"}, lifted)
    yield Step(f"POST {path}/{{key}}/lift", f"{path}/{key}/lift", {"why": "Vidée"}, [told])
    file = {"file": base64.b64encode(b"c@example.org").decode(), "dry_run": False}
    yield Step(
        f"POST {path}/import", f"{path}/import", file, [suppressed("unsubscribed", "import")]
    )


def suppressed(reason: str, source: str) -> Told:
    """That an address is not written to any more."""
    after = {"suppressed": reason, "source": source}
    return Told("suppression.write", "contact/", {"suppressed": None}, after)


def administration(desk: Desk) -> Iterator[Step]:
    """The forms of the console that are an administrator's."""
    fields = {"legal_name": "Autre inc.", "postal_address": "1, rue du Quai", "phone": "4185550199"}
    before = {"postal_address": "1, rue du Quai\nRimouski QC G5L 1A1", "phone": "418 555-0100"}
    after = {"postal_address": "1, rue du Quai", "phone": "4185550199"}
    told = Told("sender.write", "account/", before, after)
    yield Step("POST /addresses/sender", "/addresses/sender", fields, [told])
    lines = {"text": "d@example.org", "do": "yes"}
    told = suppressed("unsubscribed", "import")
    yield Step("POST /addresses/import", "/addresses/import", lines, [told])
    customer = desk.office.customer
    path = f"/addresses/{customer}/address"
    stored = desk.api.client.get(f"/api/v1/customers/{customer}", headers=desk.office.program)
    before, after = {"email": stored.json()["email"]}, {"email": "neuve@example.org"}
    told = Told("customer.write", f"customer/{customer}", before, after)
    yield Step("POST /addresses/{customer}/address", path, {"address": "neuve@example.org"}, [told])


def dispatching(desk: Desk) -> Iterator[Step]:
    """The forms about addresses that dispatchers have."""
    order = {"address": "e@example.org", "reason": "full"}
    yield Step("POST /addresses/add", "/addresses/add", order, [suppressed("full", "staff")])
    key = desk.made("/api/v1/suppressions", {"address": "f@example.org", "reason": "full"})["id"]
    desk.news()
    lifted = {"suppressed": None, "why": "Vidée"}
    told = Told("suppression.lift", f"contact/{key}", {"suppressed": "full"}, lifted)
    path = f"/addresses/{key}/lift"
    yield Step("POST /addresses/{contact}/lift", path, {"why": "Vidée"}, [told])


def settings(desk: Desk) -> Iterator[Step]:
    """The forms of the console that administrators send, after `calendar` and `cap`."""
    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    form = {"region": "CA-ON", **{f"working_hours-{day}": "9-17" for day in days}}
    told = Told("calendar.write", "calendar/", {"region": "CA-QC"}, {"region": "CA-ON"})
    yield Step("POST /calendar/save", "/calendar/save", form, [told])
    form, path = {"surveys": "2", "days": "90"}, "/calendar/cap"
    told = Told("cap.write", "cap/", None, {"surveys": 2, "days": 90})
    yield Step(f"POST {path}", path, form, [told])


def images(desk: Desk) -> Iterator[Step]:
    """Images for the icons of a campaign."""
    path, kept = "/api/v1/assets", {"name": "Étoile", "mime": "image/svg+xml"}
    body = {"name": "Étoile", "file": b64encode(CIRCLE).decode()}
    yield Step(f"POST {path}", path, body, [Told("asset.write", "asset/", None, kept)])
    other = {"name": "Carré", "file": b64encode(drawing('<rect width="4" height="4"/>')).decode()}
    key = desk.made(path, other)["id"]
    desk.news()
    gone = Told("asset.delete", f"asset/{key}", kept | {"name": "Carré"}, None)
    yield Step(f"DELETE {path}/{{key}}", f"{path}/{key}", None, [gone])


def questions(desk: Desk) -> Iterator[Step]:
    """The question bank."""
    path, text = "/api/v1/questions", {"fr": "Facile?"}
    body = {"category": "visit", "kind": "effort", "text": text}
    yield Step(f"POST {path}", path, body, [Told("question.write", "question/", None, body)])
    key = desk.made(path, body)["id"]
    desk.news()
    before, after = {"category": "visit"}, {"category": "later"}
    told = Told("question.write", f"question/{key}", before, after)
    yield Step(f"PUT {path}/{{key}}", f"{path}/{key}", body | {"category": "later"}, [told])
    told = Told("question.write", f"question/{key}", {"archived": False}, {"archived": True})
    yield Step(f"DELETE {path}/{{key}}", f"{path}/{key}", None, [told])


API: Final[list[Callable[[Desk], Iterator[Step]]]] = [
    records,
    work,
    access,
    campaigns,
    asking,
    sends,
    addresses,
    calendar,
    cap,
    images,
    questions,
]
#: By the role of whoever sends them.
FORMS: Final[list[tuple[str, Callable[[Desk], Iterator[Step]]]]] = [
    ("dispatcher", console),
    ("dispatcher", dispatching),
    ("administrator", administration),
    ("administrator", settings),
    ("administrator", managing),
]


def check(step: Step, answer: httpx.Response, found: list[Row], actor: str) -> None:
    """What `step` left is what it should leave."""
    assert answer.status_code < 400, (step.route, answer.text)
    assert len(found) == len(step.told), (step.route, found)
    for told, row in zip(step.told, found, strict=True):
        assert told.fits(row), (step.route, told, row)
        assert row["actor"] == actor, step.route


def test_every_change_by_api_or_console_is_told_and_nothing_secret_is(
    desk: Desk, shared: TestDatabase
) -> None:
    office, client = desk.office, desk.api.client
    cookie = session(shared, office.address("administrator"))
    people = [
        (f"user/{office.people['administrator']}", {"Cookie": f"{COOKIE}={cookie}"}),
        (name_of(office.token), office.program),
    ]
    tried: set[str] = set()
    for place, step in enumerate(step for part in API for step in part(desk)):
        actor, headers = people[place % 2]
        method = step.route.partition(" ")[0]
        answer = client.request(method, step.path, json=step.body, headers=headers)
        check(step, answer, desk.news(), actor)
        tried.add(step.route)
    for role, forms in FORMS:
        with browsing(desk.api, office, role) as browser:
            for step in forms(desk):
                answer = browser.post(step.path, data=step.body)
                check(step, answer, desk.news(), f"user/{office.people[role]}")
                tried.add(step.route)
    tried.add(enrol(desk))
    assert tried == writing(desk.api) - SILENT
    refuse_secrets(desk)


def name_of(token: str) -> str:
    """What an API token is called: the start of its id."""
    ref = tokens.read(token.removeprefix("rta_"))
    assert ref is not None
    return f"token/{ref.hash.hex()[:16]}"


def enrol(desk: Desk) -> str:
    """Turn a code into a device; the route."""
    alice = str(desk.office.world.alice)
    code = desk.made("/api/v1/devices/codes", {"user": alice})["code"]
    desk.news()
    path = "/api/v1/devices/enrol"
    device = desk.made(path, {"code": code, "name": "Galaxy"})["device"]
    made = {"technician": alice, "name": "Galaxy"}
    (row,) = desk.news()
    assert Told("device.enrol", f"device/{device}", None, made).fits(row)
    assert row["actor"] == "code"
    return f"POST {path}"


def writing(api: Served) -> set[str]:
    """Every route that is not only read."""
    return {
        f"{method} {route.path_format}"
        for route in api.app.routes
        if isinstance(route, HTTPRoute)
        for method in set(map(str, route.methods)) - {"GET", "HEAD", "OPTIONS"}
    }


#: Everything that opens something, as it is stored or was typed.
_SECRETS: Final = """
SELECT password_hash FROM app_user WHERE password_hash IS NOT NULL
UNION SELECT encode(token_hash, 'hex') FROM api_token
UNION SELECT encode(token_hash, 'hex') FROM session
UNION SELECT encode(credential_hash, 'hex') FROM device
UNION SELECT encode(code_hash, 'hex') FROM enrolment_code
"""


def refuse_secrets(desk: Desk) -> None:
    """No row holds one, and all say an action that the table of rights has."""
    told = rows(desk.shared.owner, "SELECT a::text AS text, action FROM audit a")
    text = "\n".join(row["text"] for row in told)
    secrets = [row[0] for row in rows(desk.shared.owner, _SECRETS)]
    assert len(secrets) > 10
    for secret in (*secrets, PASSWORD, "a long enough password", desk.office.token):
        assert secret not in text
    assert {row["action"] for row in told} <= set(Action) | OF_OTHERS


def test_what_changes_nothing_is_not_told(desk: Desk) -> None:
    office, client = desk.office, desk.api.client
    customer = {"id": str(office.customer), "language": "fr_CA"}
    client.post("/api/v1/customers", json=customer, headers=office.program)
    device = desk.enrolled()
    desk.news()
    for _ in range(2):
        client.post(f"/api/v1/devices/{device}/revoke", headers=office.program)
    assert [row["action"] for row in desk.news()] == ["device.revoke"]
    turn = {"technician": str(office.world.carol)}
    for _ in range(2):
        desk.made(f"/api/v1/tasks/{office.task}/assignments", turn)
    assert [row["action"] for row in desk.news()] == ["task.write", "task.assign"]
    step = {"id": str(new_id()), "state": "600"}
    for _ in range(2):
        desk.made(f"/api/v1/tasks/{office.task}/transitions", step)
    assert [row["action"] for row in desk.news()] == ["task.progress"]


def test_what_devices_push_is_a_fact_and_not_told(desk: Desk) -> None:
    desk.refused()
    world = desk.office.world
    task = in_database(desk.shared.api, lambda: world.task(technician=world.alice))
    desk.news()
    now = "2026-01-01T00:00:00Z"
    item = {"id": str(new_id()), "task": str(task), "state": "600", "moment": now, "sequence": 1}
    body = {"device_now": now, "transitions": [item]}
    push = desk.api.client.post("/api/v1/sync/push", json=body, headers=desk.office.device)
    assert push.json()["results"][0]["verdict"] == "accepted"
    assert desk.news() == []


def test_a_change_that_is_refused_or_undone_is_not_told(desk: Desk) -> None:
    office = desk.office
    items = {"items": [{"name": "Good"}, {"name": "Bad", "email": "no address"}]}
    path = "/api/v1/customers/upsert"
    assert desk.api.client.post(path, json=items, headers=office.program).status_code == 400

    async def undone() -> None:
        with suppress(ZeroDivisionError):
            async with tx(office.world.account, "terminal") as opened:
                await put_customers(opened, [CustomerPut(name="Gone")])
                assert await opened.fetchval("SELECT count(*) FROM audit WHERE actor = 'terminal'")
                raise ZeroDivisionError

    in_database(desk.shared.api, undone)
    assert desk.news() == []


def test_an_account_reads_its_own_changes_page_by_page_the_newest_first(
    desk: Desk, south: Office, api: Served
) -> None:
    office = desk.office
    names = [f"Name {number}" for number in range(5)]
    for name in names:
        desk.api.client.post(
            "/api/v1/customers",
            json={"id": str(office.customer), "name": name},
            headers=office.program,
        )
    about = f"customer/{office.customer}"
    found: list[Row] = []
    query: dict[str, Any] = {"limit": 2, "object": about}
    while True:
        page = api.client.get(AUDIT, params=query, headers=office.program).json()
        assert len(page["items"]) <= 2
        found += page["items"]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert [row["after"]["name"] for row in found[:5]] == names[::-1]
    assert {row["object"] for row in found} == {about}
    assert {row["actor"] for row in found[:5]} == {name_of(office.token)}
    whole = api.client.get(AUDIT, params={"limit": 500}, headers=office.program).json()["items"]
    assert {row["id"] for row in found} <= {row["id"] for row in whole}
    moments = [row["at"] for row in whole]
    assert moments == sorted(moments, reverse=True)
    foreign = api.client.get(AUDIT, params={"limit": 500}, headers=south.program).json()["items"]
    assert foreign
    assert {row["id"] for row in whole}.isdisjoint(row["id"] for row in foreign)
    theirs = api.client.get(AUDIT, params={"object": about}, headers=south.program).json()
    assert theirs == {"items": [], "next": None}


@pytest.mark.parametrize(
    "after",
    [
        "x",
        "_",
        "2026-01-01_x",
        "2026-01-01T00:00:00_01a228b7-36c0-7356-843d-e4b6d5f464cd",
        "0001-01-01T00:00:00+23:59_01a228b7-36c0-7356-843d-e4b6d5f464cd",
    ],
)
def test_a_place_that_no_page_gave_is_refused(api: Served, north: Office, after: str) -> None:
    answer = api.client.get(AUDIT, params={"after": after}, headers=north.program)
    assert answer.status_code == 400


def test_who_runs_can_add_to_the_record_and_change_nothing_in_it(
    shared: TestDatabase, north: Office
) -> None:
    account = north.world.account
    added = """
        INSERT INTO audit (account, at, id, actor, action, object)
        VALUES ($1, now(), gen_random_uuid(), 'system', 'x', 'y')
    """

    async def tries() -> list[str | int]:
        return [
            await attempt(dsn, account, sql, account)
            for dsn in (shared.api, shared.worker)
            for sql in (
                added,
                "UPDATE audit SET actor = 'x' WHERE account = $1",
                "DELETE FROM audit WHERE account = $1",
            )
        ]

    assert asyncio.run(tries()) == [1, DENIED, DENIED] * 2


def test_both_ways_to_read_have_an_index(shared: TestDatabase, north: Office) -> None:
    account, plan = north.world.account, "EXPLAIN SELECT * FROM audit WHERE account = $1"
    settings = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off"

    async def explained() -> list[str]:
        connection = await asyncpg.connect(shared.owner)
        await connection.execute(settings)
        order = "ORDER BY at DESC, id DESC LIMIT 5"
        by_time = await connection.fetch(f"{plan} {order}", account)
        by_object = await connection.fetch(f"{plan} AND object = $2 {order}", account, "x")
        await connection.close()
        return ["\n".join(row[0] for row in one) for one in (by_time, by_object)]

    by_time, by_object = asyncio.run(explained())
    assert "audit_pkey" in by_time
    assert "audit_object" in by_object
    assert "Sort" not in by_time + by_object


def test_what_was_typed_at_the_terminal_is_told_as_that(
    database: TestDatabase,
) -> None:
    company = AccountPut(name="Plomberie Exemple")
    founder = accounts.Founder("Maude", "maude@example.org", "a long enough password", "fr_CA")

    async def typed() -> str:
        settings = database.settings()
        await provision(settings)
        code = await accounts.new_account(settings, company, founder)
        await accounts.new_token(settings, TokenOrder("x"), code)
        return code

    code = asyncio.run(typed())
    found = rows(database.owner, "SELECT actor, action, object FROM audit ORDER BY at, id")
    assert [row["action"] for row in found] == [
        "account.create",
        "unit.write",
        "user.write",
        "password.write",
        "token.make",
    ]
    assert {row["actor"] for row in found} == {"terminal"}
    assert found[0]["object"] == f"account/{code}"
