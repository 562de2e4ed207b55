"""Every route, as everybody who could come: let in or not as the table of rights says."""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, TypeAlias

import httpx
import pytest
from litestar import Litestar, get
from litestar.routes import HTTPRoute
from litestar.types import Guard

from server.access.guards import UnguardedRouteError, anyone, check_guards, console, device
from server.access.rights import RIGHTS, Action, Scope, Who, scope_of
from sync.ids import new_id
from tests.support.api_process import Served
from tests.support.databases import TestDatabase
from tests.support.form_browser import HTML, browsing
from tests.support.office import ROLES, Office, in_database, open_door
from tests.support.signed_in import COOKIE, session

#: Pages on which records of a kind are written, too.
BESIDE: Final = {"customers": ", POST /addresses/{customer}/address"}
#: What each route is for.
ROUTES: Final[dict[Action, str]] = {
    Action.HEALTH_READ: "GET /health, GET /ready",
    Action.METRICS_READ: "GET /metrics",
    Action.DOCS_READ: "GET /api/openapi.json, GET /api/docs",
    Action.FILE_READ: "GET /static/{name}, GET /i/{name}, GET /tech, GET /tech/{name}",
    Action.MAILBOX_READ: "GET /mailbox, GET /mailbox/messages.json, GET /mailbox/{name},"
    " GET /mailbox/{name}/html",
    Action.SESSION_START: "POST /api/v1/sessions, GET /, GET /login, POST /login",
    Action.SESSION_END: "DELETE /api/v1/sessions, POST /logout",
    Action.SURVEY_ANSWER: "GET /s/{token}, POST /s/{token}",
    Action.SUBSCRIPTION_END: "GET /u/{token}, POST /u/{token}",
    Action.DEVICE_ENROL: "POST /api/v1/devices/enrol",
    Action.SYNC_READ: "GET /api/v1/sync/pull, GET /api/v1/sync/me, GET /api/v1/sync/live,"
    " GET /api/v1/sync/rxdb/{collection}/pull, GET /api/v1/sync/rxdb/{collection}/stream,"
    " GET /api/v1/sync/watermelon/pull",
    Action.SYNC_PUSH: "POST /api/v1/sync/push, POST /api/v1/sync/rxdb/transitions/push,"
    " POST /api/v1/sync/watermelon/push",
    Action.SELF_READ: "GET /api/v1/me",
    Action.PASSWORD_WRITE: "POST /api/v1/users/{key}/password",
    Action.TOKEN_READ: "GET /api/v1/tokens",
    Action.TOKEN_MAKE: "POST /api/v1/tokens",
    Action.TOKEN_REVOKE: "DELETE /api/v1/tokens/{key}",
    Action.CALENDAR_READ: "GET /api/v1/calendar, GET /api/v1/calendar/holidays, GET /calendar",
    Action.CALENDAR_WRITE: "PUT /api/v1/calendar, POST /calendar/save",
    Action.CAP_READ: "GET /api/v1/cap",
    Action.CAP_WRITE: "PUT /api/v1/cap, DELETE /api/v1/cap, POST /calendar/cap",
    Action.ASSET_READ: "GET /api/v1/assets",
    Action.ASSET_WRITE: "POST /api/v1/assets",
    Action.ASSET_DELETE: "DELETE /api/v1/assets/{key}",
    Action.QUESTION_READ: "GET /api/v1/questions",
    Action.QUESTION_WRITE: "POST /api/v1/questions, PUT /api/v1/questions/{key},"
    " DELETE /api/v1/questions/{key}",
    Action.CAMPAIGN_READ: "GET /api/v1/campaigns, GET /api/v1/campaigns/{key},"
    " GET /api/v1/campaigns/external/{external_id}, GET /campaigns, GET /campaigns/{campaign}",
    Action.CAMPAIGN_WRITE: "POST /api/v1/campaigns, PUT /api/v1/campaigns/{key}",
    Action.CAMPAIGN_ACTIVATE: "POST /api/v1/campaigns/{key}/activate",
    Action.CAMPAIGN_PAUSE: "POST /api/v1/campaigns/{key}/pause,"
    " GET /campaigns/{campaign}/pause, POST /campaigns/{campaign}/pause",
    Action.CAMPAIGN_RESUME: "POST /api/v1/campaigns/{key}/resume,"
    " GET /campaigns/{campaign}/resume, POST /campaigns/{campaign}/resume",
    Action.CAMPAIGN_ARCHIVE: "POST /api/v1/campaigns/{key}/archive,"
    " GET /campaigns/{campaign}/archive, POST /campaigns/{campaign}/archive",
    Action.SENDING_READ: "GET /api/v1/account/sending, GET /campaigns/sending",
    Action.SENDING_PAUSE: "POST /api/v1/account/sending/pause, POST /campaigns/sending/pause",
    Action.SENDING_RESUME: "POST /api/v1/account/sending/resume, POST /campaigns/sending/resume",
    Action.COMPLETION_READ: "GET /api/v1/completions, GET /api/v1/without-address,"
    " GET /addresses/missing",
    Action.SENDER_READ: "GET /api/v1/sender, GET /addresses/sender",
    Action.SENDER_WRITE: "PUT /api/v1/sender, POST /addresses/sender",
    Action.SUPPRESSION_READ: "GET /api/v1/suppressions, GET /addresses, GET /addresses/export.csv",
    Action.SUPPRESSION_WRITE: "POST /api/v1/suppressions, POST /addresses/add",
    Action.SUPPRESSION_LIFT: "POST /api/v1/suppressions/{key}/lift,"
    " GET /addresses/{contact}/lift, POST /addresses/{contact}/lift",
    Action.SUPPRESSION_IMPORT: "POST /api/v1/suppressions/import, GET /addresses/import,"
    " POST /addresses/import",
    Action.DECISION_READ: "GET /api/v1/decisions, GET /api/v1/decisions/counts, GET /decisions,"
    " GET /api/v1/campaigns/{key}/replay, GET /api/v1/campaigns/{key}/try,"
    " GET /campaigns/{campaign}/replay, GET /campaigns/{campaign}/try,"
    " GET /campaigns/{campaign}/try/letter",
    Action.TASK_READ: "GET /api/v1/tasks, GET /api/v1/tasks/{key},"
    " GET /api/v1/tasks/external/{external_id}, GET /api/v1/tasks/{key}/assignments,"
    " GET /api/v1/tasks/{key}/timeline, GET /tasks, GET /tasks/live, GET /tasks/{task}",
    Action.TASK_WRITE: "POST /api/v1/tasks, POST /api/v1/tasks/upsert,"
    " PUT /api/v1/tasks/external/{external_id}",
    Action.TASK_ASSIGN: "POST /api/v1/tasks/{key}/assignments",
    Action.TASK_PROGRESS: "POST /api/v1/tasks/{key}/transitions, POST /tasks/{task}/transitions",
    Action.ROUND_OPEN: "POST /api/v1/tasks/{key}/rounds, GET /tasks/{task}/round,"
    " POST /tasks/{task}/round/open",
    Action.SURVEY_SEND: "POST /api/v1/tasks/{key}/surveys, GET /tasks/{task}/survey,"
    " POST /tasks/{task}/survey/send",
    Action.SEND_READ: "GET /api/v1/sends, GET /api/v1/sends/{key}, GET /sends, GET /sends/{key}",
    Action.SURVEY_CANCEL: "POST /api/v1/sends/{key}/cancel, POST /sends/{key}/cancel",
    Action.SURVEY_RESEND: "POST /api/v1/sends/{key}/resend, POST /sends/{key}/resend",
    Action.FOLLOW_UP_READ: "GET /follow-ups, GET /follow-ups/{key}",
    Action.FOLLOW_UP_CLOSE: "POST /follow-ups/{key}/close",
    Action.FOLLOW_UP_REOPEN: "POST /follow-ups/{key}/reopen",
    Action.REFUSED_READ: "GET /api/v1/refused, GET /refused, GET /refused/{transition}",
    Action.REFUSED_ACCEPT: "POST /api/v1/transitions/{key}/accept,"
    " POST /refused/{transition}/accept",
    Action.REFUSED_DISMISS: "POST /api/v1/transitions/{key}/dismiss,"
    " POST /refused/{transition}/dismiss",
    Action.DEVICE_READ: "GET /api/v1/devices, GET /devices",
    Action.CODE_ISSUE: "POST /api/v1/devices/codes, GET /devices/enrol/{technician},"
    " POST /devices/enrol/{technician}",
    Action.DEVICE_REVOKE: "POST /api/v1/devices/{key}/revoke, GET /devices/{device}/revoke,"
    " POST /devices/{device}/revoke",
    Action.AUDIT_READ: "GET /api/v1/audit",
    Action.STATE_READ: "GET /api/v1/states, GET /api/v1/states/{key}",
    Action.STATE_WRITE: "POST /api/v1/states, POST /api/v1/states/upsert",
} | {
    action: routes.replace("KIND", kind)
    for kind, *both in (
        ("units", Action.UNIT_READ, Action.UNIT_WRITE),
        ("users", Action.USER_READ, Action.USER_WRITE),
        ("customers", Action.CUSTOMER_READ, Action.CUSTOMER_WRITE),
        ("locations", Action.LOCATION_READ, Action.LOCATION_WRITE),
        ("task-types", Action.TASK_TYPE_READ, Action.TASK_TYPE_WRITE),
    )
    for action, routes in zip(
        both,
        (
            "GET /api/v1/KIND, GET /api/v1/KIND/{key}, GET /api/v1/KIND/external/{external_id}",
            "POST /api/v1/KIND, POST /api/v1/KIND/upsert, PUT /api/v1/KIND/external/{external_id}"
            f"{BESIDE.get(kind, '')}",
        ),
        strict=True,
    )
}
#: Each route with its action; those that end a session are the last that are tried.
ACTION_OF: Final = {
    route: action
    for action, routes in sorted(ROUTES.items(), key=lambda one: one[0] is Action.SESSION_END)
    for route in routes.split(", ")
}
#: What is decided for the whole office, and not in the day's work of dispatchers.
OF_MANAGERS: Final = {Action.SENDING_PAUSE, Action.SENDING_RESUME}
PEOPLE: Final = frozenset(map(Who, ROLES))


class Asker:
    """Somebody with a credential: as whom the table knows them, and what they send along."""

    def __init__(self, who: Who, headers: Mapping[str, str]) -> None:
        self.who, self.headers = who, dict(headers)

    def expected(self, route: str) -> str:
        """What the table says: let in, forbidden, or not known by what was sent."""
        grant = RIGHTS[ACTION_OF[route]]
        known = self.who in doors(route)
        if Who.ANYBODY in grant or (known and self.who in grant):
            return "let in"
        return "forbidden" if known else "not_signed_in"


def doors(route: str) -> frozenset[Who]:
    """Whose credentials a route looks at."""
    path = route.partition(" ")[2]
    if path.startswith("/api/v1/sync/"):
        return frozenset({Who.DEVICE})
    return PEOPLE | {Who.PROGRAM} if path.startswith("/api/") else PEOPLE


Askers: TypeAlias = dict[str, Asker]


@pytest.fixture(scope="module")
def heads(shared: TestDatabase, north: Office) -> None:
    """People of each role at the head office, beside those at a site."""

    async def open_doors() -> None:
        for role in ROLES:
            await open_door(north.world, role, "head", unit=north.world.head_office)

    in_database(shared.api, open_doors)


@pytest.fixture
def askers(shared: TestDatabase, north: Office, heads: None) -> Askers:
    """Nobody, a program, a device, and each role at a site and at the head office."""
    found = {
        "nobody": Asker(Who.ANYBODY, {}),
        "program": Asker(Who.PROGRAM, north.program),
        "device": Asker(Who.DEVICE, north.device),
    }
    for role in ROLES:
        for name in ("north", "head"):
            cookie = session(shared, f"{role}.{name}@example.org")
            found[f"{role} {name}"] = Asker(Who(role), {"Cookie": f"{COOKIE}={cookie}"})
    return found


def routed(app: Litestar) -> Iterator[str]:
    """Every method and path that somebody answers."""
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            for method in set(map(str, handler.http_methods)) - {"OPTIONS", "HEAD"}:
                yield f"{method} {route.path_format}"


def told(client: httpx.Client, route: str, headers: Mapping[str, str]) -> str:
    """Whether somebody was let in, else the code of the refusal. The ids name nothing."""
    method, _, path = route.partition(" ")
    path = re.sub(r"\{\w+\}", lambda found: NAMES.get(found[0], str(new_id())), path)
    body, kind = ("{}", "application/json") if path.startswith("/api/") else ("x=", FORM)
    sent = headers if method == "GET" else {**headers, "Content-Type": kind}
    content = None if method == "GET" else body
    with client.stream(method, path, headers=sent, content=content) as answer:
        if answer.headers.get("content-type") != "application/problem+json":
            return "let in"
        answer.read()
    code = answer.json()["type"].rpartition(":")[2]
    return code if code in {"forbidden", "not_signed_in"} else "let in"


FORM: Final = "application/x-www-form-urlencoded"
NAMES: Final = {"{collection}": "tasks", "{name}": str(new_id()), "{token}": "x"}


def test_the_routes_are_those_that_the_table_of_this_test_names(api: Served) -> None:
    assert sorted(routed(api.app)) == sorted(ACTION_OF)


def test_every_route_lets_in_whom_the_table_names_and_nobody_else(
    api: Served, askers: Askers
) -> None:
    for name, asker in askers.items():
        with httpx.Client(base_url=api.base_url, timeout=20) as client:
            found = {route: told(client, route, asker.headers) for route in ACTION_OF}
        assert found == {route: asker.expected(route) for route in ACTION_OF}, name


def test_the_table_has_every_action_and_only_those_of_a_route_or_of_signing_in() -> None:
    assert set(RIGHTS) == set(Action)
    assert set(Action) - set(ROUTES) == {Action.CONSOLE_ENTER}


@pytest.mark.parametrize(
    ("who", "number", "samples"),
    [
        (Who.ADMINISTRATOR, 63, {Action.USER_WRITE, Action.TASK_WRITE, Action.TASK_READ}),
        (Who.PROGRAM, 59, {Action.USER_WRITE, Action.TASK_WRITE, Action.TASK_READ}),
        (Who.DISPATCHER, 38, {Action.TASK_WRITE, Action.REFUSED_ACCEPT, Action.DEVICE_REVOKE}),
        (Who.MANAGER, 27, {Action.TASK_READ, Action.REFUSED_READ, Action.USER_READ}),
        (Who.TECHNICIAN, 0, set()),
        (Who.DEVICE, 2, {Action.SYNC_READ, Action.SYNC_PUSH}),
        (Who.ANYBODY, 10, {Action.SURVEY_ANSWER, Action.HEALTH_READ}),
    ],
)
def test_each_may_as_much_as_before_the_table(who: Who, number: int, samples: set[Action]) -> None:
    named = {action for action, grant in RIGHTS.items() if who in grant}
    assert len(named) == number
    assert samples <= named


def test_those_who_read_less_write_less() -> None:
    wider = [Who.ADMINISTRATOR, Who.DISPATCHER, Who.MANAGER, Who.TECHNICIAN]
    for more, less in pairwise(wider):
        for action in set(Action) - OF_MANAGERS:
            assert scope_of(less, action) is None or scope_of(more, action) is not None


def test_a_unit_narrows_nobody_and_a_device_has_its_technicians_tasks_alone(
    api: Served, shared: TestDatabase, north: Office, askers: Askers
) -> None:
    world = north.world
    theirs = in_database(
        shared.api, lambda: world.task(technician=world.carol, unit=world.other_site)
    )
    for asker in askers.values():
        if scope_of(asker.who, Action.TASK_READ) is Scope.ACCOUNT:
            path = f"/api/v1/tasks/{theirs}"
            assert api.client.get(path, headers=asker.headers).status_code == 200
    assert scope_of(Who.DEVICE, Action.SYNC_READ) is Scope.OWN
    pulled = api.client.get("/api/v1/sync/pull", headers=north.device).text
    assert str(north.task) in pulled
    assert str(theirs) not in pulled


def test_pages_show_the_links_and_forms_that_their_reader_may_follow_and_no_others(
    api: Served, shared: TestDatabase, north: Office
) -> None:
    refused = refuse_one(api, shared, north)
    roles = ("administrator", "manager", "dispatcher")
    shown = {role: links(api, north, role, refused) for role in roles}
    all_shown = set().union(*shown.values())
    assert {
        "POST /tasks/{task}/transitions",
        "POST /refused/{transition}/accept",
        "POST /refused/{transition}/dismiss",
        "POST /devices/enrol/{technician}",
        "GET /devices/{device}/revoke",
        "GET /tasks/{task}",
        "GET /calendar",
        "GET /campaigns",
        "POST /logout",
    } <= all_shown
    for role, found in shown.items():
        may = {one for one in all_shown if scope_of(Who(role), ACTION_OF[one]) is not None}
        assert found == may, role


def links(api: Served, office: Office, role: str, refused: str) -> set[str]:
    """The routes to which the pages of the console lead."""
    found: set[str] = set()
    with browsing(api, office, role) as browser:
        refusals = ("/refused", f"/refused/{refused}")
        for path in (
            "/tasks",
            f"/tasks/{office.task}",
            *refusals,
            "/devices",
            "/campaigns",
            "/calendar",
        ):
            page = browser.get(path).text
            forms = re.findall(r'<form [^>]*method="post" action="(/[^"?#]+)', page)
            found |= {route_of("POST", one) for one in forms}
            hrefs = re.findall(r'<a [^>]*href="(/[^"?#]+)', page)
            found |= {route_of("GET", one) for one in hrefs}
    return found


def route_of(method: str, path: str) -> str:
    """The route that `path` means; those without an id are meant first."""
    for route in sorted(ACTION_OF, key=lambda one: one.count("{")):
        known, _, template = route.partition(" ")
        if known == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return route
    raise AssertionError(f"{method} {path} leads nowhere")


def refuse_one(api: Served, shared: TestDatabase, office: Office) -> str:
    """Let alice's device tell of a task that is not hers; the step's id."""
    task = in_database(shared.api, lambda: office.world.task(technician=office.world.bob))
    told_at = "2026-01-01T00:00:00Z"
    item = {"id": str(new_id()), "task": str(task), "state": "600", "moment": told_at}
    body = {"device_now": told_at, "transitions": [item | {"sequence": 1}]}
    answer = api.client.post("/api/v1/sync/push", json=body, headers=office.device)
    assert answer.json()["results"][0]["verdict"] == "refused"
    return str(item["id"])


def test_a_browser_that_is_not_signed_in_is_sent_to_the_form(api: Served) -> None:
    answer = api.client.get("/tasks?q=x", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Ftasks%3Fq%3Dx"


@pytest.mark.parametrize(
    "guards",
    [
        [],
        [anyone(Action.HEALTH_READ), anyone(Action.HEALTH_READ)],
        [anyone(Action.TASK_READ)],
        [console(Action.SYNC_READ)],
        [device(Action.UNIT_WRITE)],
    ],
    ids=["none", "two", "an action that is not open", "no person's", "no device's"],
)
def test_a_start_with_a_route_that_says_not_who_may_is_refused(guards: list[Guard]) -> None:
    @get("/new", guards=guards, sync_to_thread=False)
    def new() -> str:
        return ""

    app = Litestar([new], openapi_config=None)
    with pytest.raises(UnguardedRouteError):
        check_guards(app.routes)
