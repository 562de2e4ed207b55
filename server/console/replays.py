"""/campaigns/{id}/replay and .../try: what a campaign would have sent, and one task tried."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, route
from litestar.params import FromPath
from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.store import CampaignRecord, get_campaign
from mail.ledger.outcomes import OUTCOMES
from mail.message.template import Origin
from mail.replay.lines import Line
from mail.replay.run import (
    MOST_DAYS,
    USUAL_DAYS,
    Replay,
    TooManyTasksError,
    Wanted,
    replay_campaign,
)
from mail.replay.trying import Tried, named_task, try_one
from rules.campaign import Status
from server.access.guards import console
from server.access.principals import ConsoleRequest
from server.access.rights import Action
from server.console.ledger import read_units
from server.console.list_query import read_after, write_after
from server.console.mailbox import HEAD, HEAD_WITH_BASE, MAIL_POLICY, PAGE_POLICY
from server.console.nav_counts import console_frame
from server.console.state_labels import StateChip, read_states
from server.http.middleware.fair_queue import without_slot
from server.http.problems import NotFoundError
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, respond
from sync.database import Tx, tx
from sync.errors import MissingError

SCREENFUL: Final = 50


class ReplayParams(Struct, frozen=True, kw_only=True):
    """The parameters of the URL; one that cannot be read is as if it were not there.

    `is_wrong`: the days cannot be read, or are too many.
    """

    campaign: UUID
    days: int = USUAL_DAYS
    outcome: str = ""
    unit: UUID | None = None
    after: tuple[datetime, UUID] | None = None
    is_wrong: bool = False

    @property
    def url(self) -> str:
        """The page with these parameters."""
        params = {
            "days": self.days if self.days != USUAL_DAYS else None,
            "outcome": self.outcome,
            "unit": self.unit,
            "after": write_after(*self.after) if self.after else None,
        }
        given = urlencode({name: value for name, value in params.items() if value})
        return f"/campaigns/{self.campaign}/replay{f'?{given}' if given else ''}"

    def of(self, outcome: str) -> str:
        """The URL of its lines with `outcome`; of all where it is empty."""
        return replace(self, outcome=outcome, after=None).url


class LineShown(Struct, frozen=True):
    """A line, and its state in the reader's language. `reason`: its code with the choice."""

    line: Line
    state: StateChip

    @property
    def reason(self) -> str:
        """The outcome, with what the person chose where that is why."""
        return "/".join(filter(None, (self.line.outcome, self.line.choice)))


@route(
    "/campaigns/{campaign:uuid}/replay",
    http_method=READING,
    guards=[console(Action.DECISION_READ)],
)
async def replay_page(request: ConsoleRequest, campaign: FromPath[UUID]) -> Response[str]:
    """What the campaign would have sent in the last days, by outcome, and the field to try a task.

    :raises MissingError: this account has no such campaign.
    """
    params = read_params(campaign, request.query_params)
    wanted = Wanted(
        days=params.days,
        outcome=params.outcome or None,
        units=[params.unit] if params.unit else [],
        limit=SCREENFUL,
        after=params.after,
    )
    async with tx(request.user.account) as opened:
        found = await _campaign(opened, campaign)
    result: Replay | None = None
    read = partial(replay_campaign, request.user.account, campaign, wanted)
    reading = services(request).long_reads.run(request.user.account, request.receive, read)
    with suppress(TooManyTasksError):
        result = await without_slot(reading)
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        lines = await _shown(opened, result.lines if result else [], page.language)
        units = await read_units(opened, params.unit)
        clock = clock_for(opened, page, request.user.zone)
    more = ""
    if result is not None and result.more:
        last = result.lines[-1]
        more = replace(params, after=(last.moment, last.transition)).url
    shown = {"campaign": found, "replay": result, "lines": lines, "units": units, "more": more}
    status = 200 if result is not None else 409
    return respond(
        request, "replay.html", page, status=status, query=params, clock=clock,
        outcomes=OUTCOMES, most_days=MOST_DAYS, **shown,
    )  # fmt: skip


def read_params(campaign: UUID, given: Mapping[str, str]) -> ReplayParams:
    """The parameters of a URL."""
    outcome = given.get("outcome", "")
    params = ReplayParams(campaign=campaign, outcome=outcome if outcome in OUTCOMES else "")
    with suppress(ValueError):
        params = replace(params, unit=UUID(given.get("unit", "")))
    params = replace(params, after=read_after(given.get("after", "")))
    days = given.get("days", "").strip()
    if not days:
        return params
    is_number = days.isascii() and days.isdecimal() and len(days) <= len(str(MOST_DAYS))
    if not is_number or not 1 <= int(days) <= MOST_DAYS:
        return replace(params, is_wrong=True)
    return replace(params, days=int(days))


@route(
    "/campaigns/{campaign:uuid}/try", http_method=READING, guards=[console(Action.DECISION_READ)]
)
async def try_page(request: ConsoleRequest, campaign: FromPath[UUID]) -> Response[str]:
    """What the campaign makes of the task that the URL names, and the mail.

    :raises MissingError: this account has no such campaign.
    """
    named = request.query_params.get("task", "").strip()
    tried: Tried | None = None
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        found = await _campaign(opened, campaign)
        with suppress(MissingError):
            tried = await _tried(opened, request, campaign, named)
        lines = await _shown(opened, tried.lines if tried else [], page.language)
        clock = clock_for(opened, page, request.user.zone)
    shown = {"campaign": found, "named": named, "tried": tried, "lines": lines, "clock": clock}
    status = 200 if tried is not None or not named else 404
    answer = respond(request, "try.html", page, status=status, **shown)
    answer.set_header("Content-Security-Policy", PAGE_POLICY)
    return answer


@route(
    "/campaigns/{campaign:uuid}/try/letter",
    http_method=READING,
    guards=[console(Action.DECISION_READ)],
)
async def tried_letter(request: ConsoleRequest, campaign: FromPath[UUID]) -> Response[str]:
    """The HTML of the mail, sandboxed.

    :raises MissingError: this account has no such campaign or task.
    :raises NotFoundError: the campaign makes no mail of the task.
    """
    async with tx(request.user.account) as opened:
        tried = await _tried(opened, request, campaign, request.query_params.get("task", ""))
    if tried.mail is None:
        raise NotFoundError
    return Response(
        tried.mail.html.replace(HEAD, HEAD_WITH_BASE, 1),
        media_type="text/html",
        headers={"Content-Security-Policy": MAIL_POLICY},
    )


async def _campaign(opened: Tx, campaign: UUID) -> CampaignRecord:
    """:raises NotFoundError: it is archived, and asks nobody any more."""
    found = await get_campaign(opened, campaign)
    if found.status is Status.ARCHIVED:
        raise NotFoundError
    return found


async def _tried(opened: Tx, request: ConsoleRequest, campaign: UUID, named: str) -> Tried:
    settings = services(request).settings
    task = await named_task(opened, named)
    return await try_one(opened, Origin(settings.origin, settings.mail_from), campaign, task)


async def _shown(opened: Tx, lines: Sequence[Line], language: str) -> list[LineShown]:
    states = {state.code: state for state in await read_states(opened, language)}
    return [
        LineShown(line, states.get(line.state, StateChip(line.state, "", "unknown")))
        for line in lines
    ]


ROUTES: Final = (replay_page, try_page, tried_letter)
