"""The account's cap: how many surveys an address gets in a period, over all campaigns."""

from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from mail.campaigns.cap import SurveyCap, read_cap, set_cap
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from sync.database import Tx, run, tx

ApiRequest: TypeAlias = Request[Principal, Any, Any]


class AccountCap(Struct, frozen=True):
    """The account's cap; null where an address may be asked any number of times."""

    cap: SurveyCap | None


@operation("GET", "/cap", access=api(Action.CAP_READ))
async def read_account_cap(request: ApiRequest) -> AccountCap:
    """Read how many surveys an address gets in a period, over all campaigns."""
    async with tx(request.user.account) as opened:
        return AccountCap(await read_cap(opened))


@operation("PUT", "/cap", access=api(Action.CAP_WRITE))
async def write_account_cap(request: ApiRequest, body: SurveyCap) -> AccountCap:
    """Let an address get at most so many `surveys` in any period of so many `days`.

    Over all campaigns; those with a higher `priority` go first. What waits is judged by it at its
    release. Reminders, further mails and retries of a survey do not count.
    """

    async def work(opened: Tx) -> AccountCap:
        await set_cap(opened, body)
        return AccountCap(body)

    return await run(request.user.account, work, actor_of(request))


@operation("DELETE", "/cap", access=api(Action.CAP_WRITE))
async def remove_account_cap(request: ApiRequest) -> None:
    """Let an address get any number of surveys, as far as mute windows allow."""
    await run(request.user.account, lambda opened: set_cap(opened, None), actor_of(request))


ROUTES: Final[list[ControllerRouterHandler]] = [
    read_account_cap,
    write_account_cap,
    remove_account_cap,
]
