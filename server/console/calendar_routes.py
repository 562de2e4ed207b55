"""/calendar: quiet hours, working hours and holidays of the account, and its cap."""

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import get_day_names
from litestar import Response, post, route
from litestar.response import Redirect

from mail.campaigns.calendar import (
    WEEKDAYS,
    AccountCalendar,
    coming,
    read_calendar,
    save_calendar,
)
from mail.campaigns.cap import read_cap, set_cap
from mail.campaigns.holidays import Holiday
from mail.worker.jobs import Job
from rules.calendar import REGIONS
from server.access.guards import console
from server.access.kept_forms import read_kept
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.calendar_form import TypedCalendar, calendar_of, read_typed, typed_of
from server.console.nav_counts import console_frame
from server.console.typed_cap import TypedCap, read_typed_cap, typed_cap_of
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import Tx, run, tx

SAVE: Final = "/calendar/save"
SAVE_CAP: Final = "/calendar/cap"


@route("/calendar", http_method=READING, guards=[console(Action.CALENDAR_READ)])
async def calendar_page(request: ConsoleRequest) -> Response[str]:
    """The calendar, with a form for those who may change it, and the holidays to come."""
    kept, kept_cap = await read_kept(request, SAVE), await read_kept(request, SAVE_CAP)
    async with tx(request.user.account) as opened:
        calendar = await read_calendar(opened) or AccountCalendar()
        typed = typed_of(calendar)
        if kept:
            typed = read_typed(kept, calendar, _offered(opened, request, calendar.region, "en"))
        cap = read_typed_cap(kept_cap) if kept_cap else None
        return await _respond(opened, request, calendar, typed, cap, is_kept=bool(kept or kept_cap))


@post(SAVE, status_code=303, guards=[console(Action.CALENDAR_WRITE)])
async def save_calendar_page(request: ConsoleRequest) -> Response[str]:
    """Save what was typed, or show the form with its errors."""
    fields = await read_fields(request)

    async def work(opened: Tx) -> Response[str]:
        before = await read_calendar(opened) or AccountCalendar()
        region = next((one for one in REGIONS if one == fields.get("listed")), None)
        typed = read_typed(fields, before, _offered(opened, request, region, "en"))
        found = calendar_of(typed, opened.now.year)
        if isinstance(found, TypedCalendar):
            return await _respond(opened, request, before, found)
        await save_calendar(opened, found)
        return Redirect("/calendar?saved=yes", status_code=303)

    response = await run(request.user.account, work, actor_of(request))
    services(request).ring(Job.PLAN)
    return response


@post(SAVE_CAP, status_code=303, guards=[console(Action.CAP_WRITE)])
async def save_cap_page(request: ConsoleRequest) -> Response[str]:
    """Save the cap that was typed, none where nothing was, or show the form with its errors."""
    typed = read_typed_cap(await read_fields(request))
    if typed.wrong:
        async with tx(request.user.account) as opened:
            calendar = await read_calendar(opened) or AccountCalendar()
            return await _respond(opened, request, calendar, typed_of(calendar), typed)
    await run(request.user.account, lambda opened: set_cap(opened, typed.cap), actor_of(request))
    return Redirect("/calendar?saved=cap", status_code=303)


async def _respond(
    opened: Tx,
    request: ConsoleRequest,
    calendar: AccountCalendar,
    typed: TypedCalendar,
    cap: TypedCap | None = None,
    *,
    is_kept: bool = False,
) -> Response[str]:
    """The page with what was typed. `cap`: as it is saved where nothing was typed in its form."""
    cap = cap or typed_cap_of(await read_cap(opened))
    page = await console_frame(opened, request)
    saved = request.query_params.get("saved")
    holidays = _offered(opened, request, calendar.region, page.locale)
    names = get_day_names("wide", locale=page.locale)
    return respond(
        request,
        "calendar.html",
        page,
        status=422 if typed.wrong or cap.wrong else 200,
        calendar=calendar,
        typed=typed,
        cap=cap,
        days=[(day, names[place]) for place, day in enumerate(WEEKDAYS)],
        regions=REGIONS,
        holidays=holidays,
        ticked={day.key: day for day in reversed(holidays)},
        saved=None if typed.wrong or cap.wrong or is_kept else saved,
        is_kept=is_kept,
        clock=clock_for(opened, page, request.user.zone),
    )


def _offered(opened: Tx, request: ConsoleRequest, region: str | None, locale: str) -> list[Holiday]:
    """The holidays to come that the form has."""
    today: date = opened.now.astimezone(ZoneInfo(request.user.zone)).date()
    return [] if region is None else coming(region, today, locale)


ROUTES: Final = (calendar_page, save_calendar_page, save_cap_page)
