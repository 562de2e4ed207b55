"""What is to be sent, and what people change about it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias, assert_never
from uuid import UUID

import msgspec
from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from mail.delivery.cancel import cancel
from mail.delivery.claim import wake
from mail.delivery.forecast import Leaves, Stays, Waits
from mail.delivery.send_again import Order, send_again
from mail.delivery.upcoming import START, Place, Send, read_send, read_upcoming
from mail.states import Phase, Purpose, Status
from mail.worker.jobs import Job
from rules.campaign import AddressField
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import fitted
from server.http.cursors import read_cursor, write_cursor
from server.http.problems import NotFoundError
from server.services import services
from sync.database import Tx, run, tx
from sync.messages import SurveyReason
from sync.validation import read_reason

ApiRequest: TypeAlias = Request[Principal, Any, Any]
#: A page asks for the forecast of each of its rows.
MOST_SENDS: Final = 100

_EXPECTED: Final[Mapping[Phase | None, Literal["held", "leaving", "nothing"]]] = {
    Phase.HELD: "held",
    Phase.CLAIMED: "leaving",
    Phase.DATA: "leaving",
    None: "nothing",
}

_read: Final = msgspec.msgpack.Decoder(Place).decode


class SendQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the list. `after`: the cursor of an earlier page; missing for the start."""

    limit: Annotated[int, Meta(ge=1, le=MOST_SENDS)] = 50
    after: Annotated[str, Meta(max_length=100)] | None = None


class SendItem(Struct, frozen=True, kw_only=True):
    """A mail that waits or is held, and what becomes of it if nothing else happens.

    `id`: of the survey. `task_number`: the task's external id. `purpose`: `first`, `resend`
    for one that was asked for again, or `reminder`. `release`: when it may go. `expected`: it
    `leaves` at `at` for `address`; it will be `dropped`, or `waits` for something, for `reason`; it
    is `held` until an operator decides; it is `leaving` now; `nothing` of it waits; `unknown` where
    nothing can be decided.
    """

    id: UUID
    task: UUID | None
    task_number: str | None
    title: str | None
    customer: str | None
    campaign: UUID
    campaign_name: str
    purpose: Purpose
    release: datetime
    status: Status
    expected: Literal["leaves", "dropped", "waits", "held", "leaving", "nothing", "unknown"]
    at: datetime | None = None
    address: str | None = None
    reason: str | None = None


class Cancellation(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a survey is not to be sent."""

    reason: SurveyReason


class ResendOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A survey to send again. `id`: chosen by the caller, new for each mail.

    `field`: whose address it goes to; the campaign's first usable one where left out.
    """

    id: UUID
    reason: SurveyReason
    field: AddressField | None = None


class SendPage(Struct, frozen=True):
    """Mails by release. `cursor`: the `after` of the next request, null where none follows."""

    items: Sequence[SendItem]
    cursor: str | None


@operation("GET", "/sends", access=api(Action.SEND_READ), fails=("bad_cursor",))
async def list_sends(request: ApiRequest, query: SendQuery) -> SendPage:
    """List what is to be sent, by release: mails that wait, and those that are held.

    What is being sent at this moment is not listed.
    """
    after = START if query.after is None else read_cursor(query.after, _read)
    sender = services(request).settings.mail_from
    async with tx(request.user.account) as opened:
        found = await read_upcoming(opened, sender, after, query.limit + 1)
    items = fitted([_item(send) for send in found], query.limit)
    more = len(items) < len(found)
    return SendPage(items, write_cursor(found[len(items) - 1].place) if more else None)


@operation("GET", "/sends/{key:uuid}", access=api(Action.SEND_READ), fails=("not_found",))
async def read_one_send(request: ApiRequest, key: UUID) -> SendItem:
    """Read a survey by its id, also where it was sent or ended."""
    async with tx(request.user.account) as opened:
        return await _read_item(opened, request, key)


@operation(
    "POST",
    "/sends/{key:uuid}/cancel",
    access=api(Action.SURVEY_CANCEL),
    fails=("not_found", "bad_text", "sent", "ended"),
)
async def cancel_send(request: ApiRequest, key: UUID, body: Cancellation) -> SendItem:
    """Cancel a mail that waits or is held, before its content leaves.

    It was sent or it is cancelled, never both: 409 `sent` where it was, or may have been. The round
    of its task stays used. No reminder follows one that was cancelled. Sending the same again has
    no further effect.
    """

    async def work(opened: Tx) -> SendItem:
        await cancel(opened, key, request.user.user, read_reason(body.reason))
        return await _read_item(opened, request, key)

    shown = await run(request.user.account, work, actor_of(request))
    await wake(request.user.account)
    services(request).ring(Job.DELIVER)
    return shown


@operation(
    "POST",
    "/sends/{key:uuid}/resend",
    access=api(Action.SURVEY_RESEND),
    fails=("not_found", "bad_text", "not_sent", "under_way", "closed", "unreachable", "conflict"),
)
async def resend_survey(request: ApiRequest, key: UUID, body: ResendOrder) -> SendItem:
    """Send a survey again that was sent, refused or given up.

    It leaves as soon as mail may go, whatever mute window and cap, with a link of its own; that of
    the first mail works, too. It takes the place of a reminder that waits; the next one counts from
    it. Sending the same `id` again has no further effect. 409 `unreachable`
    where the address has unsubscribed, takes no mail, or is missing.
    """
    order = Order(body.id, request.user.user, read_reason(body.reason), body.field)
    sender = services(request).settings.mail_from

    async def work(opened: Tx) -> SendItem:
        await send_again(opened, sender, key, order)
        return await _read_item(opened, request, key)

    shown = await run(request.user.account, work, actor_of(request))
    services(request).ring(Job.DELIVER)
    return shown


async def _read_item(opened: Tx, request: ApiRequest, key: UUID) -> SendItem:
    found = await read_send(opened, services(request).settings.mail_from, key)
    if found is None:
        raise NotFoundError
    return _item(found)


def _item(send: Send) -> SendItem:
    shown = SendItem(
        id=send.invitation,
        task=send.task,
        task_number=send.number,
        title=send.title,
        customer=send.customer,
        campaign=send.campaign,
        campaign_name=send.campaign_name,
        purpose=send.purpose or Purpose.FIRST,
        release=send.release,
        status=send.status,
        expected=_EXPECTED.get(send.phase, "unknown"),
        reason=send.reason,
    )
    match send.fate:
        case None:
            return shown
        case Leaves(at=at, address=address):
            return msgspec.structs.replace(shown, expected="leaves", at=at, address=address)
        case Stays(reason=reason):
            return msgspec.structs.replace(shown, expected="dropped", reason=reason.value)
        case Waits(obstacle=obstacle):
            return msgspec.structs.replace(shown, expected="waits", reason=obstacle)
    assert_never(send.fate)


ROUTES: Final[list[ControllerRouterHandler]] = [
    list_sends,
    read_one_send,
    cancel_send,
    resend_survey,
]
