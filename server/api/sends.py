"""What is to be sent, and what people change about it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias, assert_never
from uuid import UUID

import msgspec
from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from mail.delivery.forecast import Leaves, Stays, Waits
from mail.delivery.upcoming import START, Place, Send, read_upcoming
from mail.states import Phase, Purpose
from server.access.guards import api
from server.access.principals import Principal
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import fitted
from server.http.cursors import read_cursor, write_cursor
from server.services import services
from sync.database import tx

ApiRequest: TypeAlias = Request[Principal, Any, Any]
#: A page asks for the forecast of each of its rows.
MOST_SENDS: Final = 100

_read: Final = msgspec.msgpack.Decoder(Place).decode


class SendQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of the list. `after`: the cursor of an earlier page; missing for the start."""

    limit: Annotated[int, Meta(ge=1, le=MOST_SENDS)] = 50
    after: Annotated[str, Meta(max_length=100)] | None = None


class SendItem(Struct, frozen=True, kw_only=True):
    """A mail that waits or is held, and what becomes of it if nothing else happens.

    `id`: of the survey. `task_number`: the task's external id. `purpose`: `first`, or `resend` for
    one that was asked for again. `release`: when it may go. `expected`: it `leaves` at `at` for
    `address`; it will be `dropped`, or `waits` for something, for `reason`; it is `held` until an
    operator decides; `unknown` where nothing can be decided.
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
    expected: Literal["leaves", "dropped", "waits", "held", "unknown"]
    at: datetime | None = None
    address: str | None = None
    reason: str | None = None


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
        expected="held" if send.phase is Phase.HELD else "unknown",
        reason=send.reason if send.phase is Phase.HELD else None,
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


ROUTES: Final[list[ControllerRouterHandler]] = [list_sends]
