"""The account's calendar: quiet hours, working hours and holidays."""

from datetime import date
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from mail.campaigns.calendar import AccountCalendar, coming, read_calendar, save_calendar
from mail.worker.jobs import Job
from rules.calendar import Region
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from server.services import services
from sync.database import Tx, run, tx

ApiRequest: TypeAlias = Request[Principal, Any, Any]


class HolidayQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """`region`: whose holidays."""

    region: Region


class HolidayRecord(Struct, frozen=True):
    """A holiday. `key`: for `not_observed`; `name`: in the account's language.

    `observed`: whether the account is closed.
    """

    date: date
    key: str
    name: str
    observed: bool


class HolidayList(Struct, frozen=True):
    """The holidays of a region from today on, for a year."""

    items: list[HolidayRecord]


@operation("GET", "/calendar", access=api(Action.CALENDAR_READ))
async def read_account_calendar(request: ApiRequest) -> AccountCalendar:
    """Read when mail may go and when people work; before any was saved, that mail may always go."""
    async with tx(request.user.account) as opened:
        return await read_calendar(opened) or AccountCalendar()


@operation("PUT", "/calendar", access=api(Action.CALENDAR_WRITE), fails=("bad_field",))
async def write_account_calendar(request: ApiRequest, body: AccountCalendar) -> AccountCalendar:
    """Set when mail may go and when people work. The release of surveys that wait may change."""

    async def work(opened: Tx) -> AccountCalendar:
        await save_calendar(opened, body)
        return body

    saved = await run(request.user.account, work, actor_of(request))
    services(request).ring(Job.PLAN)
    return saved


@operation("GET", "/calendar/holidays", access=api(Action.CALENDAR_READ))
async def list_holidays(request: ApiRequest, query: HolidayQuery) -> HolidayList:
    """List the holidays of a region from today on, for a year, in the account's language."""
    async with tx(request.user.account) as opened:
        account = await opened.fetchrow(
            "SELECT zone, language FROM account WHERE account = $1", opened.account
        )
        assert account is not None  # noqa: S101 - it is that of whoever asks
        said = await read_calendar(opened) or AccountCalendar()
        today = opened.now.astimezone(ZoneInfo(account["zone"])).date()
    return HolidayList(
        [
            HolidayRecord(day.date, day.key, day.name, day.key not in said.not_observed)
            for day in coming(query.region, today, account["language"])
        ]
    )


ROUTES: Final[list[ControllerRouterHandler]] = [
    read_account_calendar,
    write_account_calendar,
    list_holidays,
]
