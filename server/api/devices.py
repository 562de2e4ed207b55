"""Enrolment codes, devices, and the sync protocol: push, pull and live."""

from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from mail.worker.jobs import Job
from server.access.guards import anyone, api, device
from server.access.principals import (
    DEVICE_PREFIX,
    DeviceRequest,
    Principal,
    actor_of,
    asked_by,
    confirm,
)
from server.access.rate_limit import count, give_back, guess_of
from server.access.rights import Action
from server.access.security_log import note, note_refusal, peer_of
from server.api.operation import operation
from server.api.paging import Listing, Paging, listing
from server.api.protocol_version import spoken
from server.http.problems import BadBodyError, Fault
from server.live.sse import Events, always, event
from server.services import services
from sync import enrolment, feed, tokens
from sync.adapters.per_row_push import push_rows
from sync.database import Tx, run, tx
from sync.enrolment import CODE_LIFE
from sync.errors import EnrolmentError
from sync.feed.pull import MOST_CHANGES, USUAL_CHANGES
from sync.messages import Enrol, Enrolled, Enrolment, Push, PushReply, RoughPush
from sync.records import reading
from sync.records.shapes import DeviceRecord

#: The event at which a device pulls.
PULL: Final = event("pull")
#: Characters of a transition's id, which is answered as it was sent; a UUID has 36.
LONGEST_ID: Final = 100

ApiRequest: TypeAlias = Request[Principal, Any, Any]


class CodeOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A code to issue. `user`: a technician's id."""

    user: UUID


class IssuedCode(Struct, frozen=True):
    """A code that enrols one device, until `expires_at`."""

    code: str
    expires_at: datetime


class AnyChange:
    """Stands for `sync.feed.changes.Change` in the document; msgspec cannot describe that union."""


class EventStream:
    """Stands for server-sent events in the document."""


class FeedPage(Struct, frozen=True):
    """Changes in feed order. Pull again with `cursor`, at once while `more`."""

    changes: list[AnyChange]
    cursor: str
    more: bool


class FeedQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the feed, after `cursor`; missing for the start."""

    cursor: Annotated[str, Meta(max_length=200)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_CHANGES)] = USUAL_CHANGES


@operation(
    "POST", "/devices/codes", access=api(Action.CODE_ISSUE), status=201, fails=("not_found",)
)
async def issue_code(request: ApiRequest, body: CodeOrder) -> IssuedCode:
    """Issue an enrolment code for a technician's next device."""

    async def work(opened: Tx) -> IssuedCode:
        await confirm(opened, request, Action.CODE_ISSUE)
        code = await enrolment.issue_code(opened, body.user)
        return IssuedCode(code, opened.now + CODE_LIFE)

    issued = await run(request.user.account, work, actor_of(request))
    by = asked_by(request)
    note("code_issued", request.user.account, peer_of(request), user=body.user, by=by)
    return issued


@operation(
    "POST",
    "/devices/enrol",
    access=anyone(Action.DEVICE_ENROL),
    status=201,
    fails=("bad_code", "throttled"),
)
async def enrol(request: ApiRequest, body: Enrol) -> Enrolled:
    """Enrol a device with a code.

    The credential goes into `Authorization: Bearer` of push and pull. It is shown only now.
    """
    guess = [guess_of(request, "code")]
    await count(guess)
    try:
        enrolled = await enrolment.enrol(body)
    except EnrolmentError:
        note_refusal("code_refused", peer_of(request))
        raise
    await give_back(guess)
    ref = tokens.read(enrolled.credential)
    if ref is not None:
        note("device_enrolled", ref.account, peer_of(request), device=enrolled.device)
    return Enrolled(enrolled.device, DEVICE_PREFIX + enrolled.credential)


@operation("GET", "/devices", access=api(Action.DEVICE_READ))
async def list_devices(request: ApiRequest, query: Paging) -> Listing[DeviceRecord]:
    """List devices, revoked ones too."""
    async with tx(request.user.account) as opened:
        items = await reading.list_devices(opened, query.limit + 1, query.after)
    return listing(items, query.limit)


@operation(
    "POST", "/devices/{key:uuid}/revoke", access=api(Action.DEVICE_REVOKE), fails=("not_found",)
)
async def revoke_device(request: ApiRequest, key: UUID) -> None:
    """Revoke a device's credential. Revoking it again changes nothing."""
    async with tx(request.user.account, actor_of(request)) as opened:
        await enrolment.revoke(opened, key)
    by = asked_by(request)
    note("device_revoked", request.user.account, peer_of(request), device=key, by=by)


@operation(
    "POST",
    "/sync/push",
    access=device(Action.SYNC_PUSH),
    body=Push,
    versioned=True,
    singly=True,
    fails=("too_many",),
)
async def push(request: DeviceRequest, body: RoughPush) -> PushReply:
    """Push transitions; each one gets its verdict, in the order sent.

    At most 500. The same push may be repeated until it is answered: a transition that is known
    gets its verdict again. One bad item does not affect the others: one that cannot be read is
    refused as `malformed`. Only an item without an id cannot be answered.
    """
    for place, item in enumerate(body.transitions):
        identity = item.get("id")
        if not isinstance(identity, str) or len(identity) > LONGEST_ID:
            detail = f"an id is text of at most {LONGEST_ID} letters"
            raise BadBodyError(Fault(f"/transitions/{place}/id", "bad_value", detail))
    outcome = await push_rows(request.user, body)
    if outcome.changed:
        services(request).ring(Job.PLAN)
    return PushReply(outcome.results)


@operation(
    "GET",
    "/sync/pull",
    access=device(Action.SYNC_READ),
    versioned=True,
    answer=FeedPage,
    fails=("bad_cursor", "resync"),
)
async def pull(request: DeviceRequest, query: FeedQuery) -> feed.Page:
    """Pull what changed for the device's technician since the cursor.

    410 `resync` says that the cursor cannot be continued any more: delete what is stored (not what
    waits to be pushed) and pull without one. A cursor holds the version of the protocol in which it
    was given: after an update of the app everything is sent again, with the new fields.
    """
    key = services(request).settings.secret.encode()
    return await feed.pull(request.user, query.cursor, key, query.limit, spoken(request))


@operation("GET", "/sync/me", access=device(Action.SYNC_READ))
async def read_enrolled(request: DeviceRequest) -> Enrolment:
    """Read the device's own enrolment, its technician, and its account's time zone and language."""
    scope = request.user
    async with tx(scope.account) as opened:
        return await enrolment.describe(opened, scope)


@operation("GET", "/sync/live", access=device(Action.SYNC_READ), versioned=True, answer=EventStream)
async def live(request: DeviceRequest) -> Events:
    """Listen to server-sent events that say when to pull.

    `event: pull` is sent at the start and whenever something changed for the device's technician,
    and a comment after every 15 seconds of silence. The stream ends when the server stops or the
    device is revoked: connect again, to any server, and pull.
    """
    scope = request.user
    ticks = services(request).live.technician(scope.account, scope.technician, scope.device)
    return Events(ticks, always(PULL))


ROUTES: Final[list[ControllerRouterHandler]] = [
    issue_code,
    enrol,
    list_devices,
    revoke_device,
    push,
    pull,
    read_enrolled,
    live,
]
