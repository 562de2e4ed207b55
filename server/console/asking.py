"""/tasks/{id}/round and /tasks/{id}/survey: asking again about a task, first said, then done."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final
from uuid import UUID

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct

from mail.planning.manual import AskedError, NoStepError, NotActiveError, Request, send_by_hand
from mail.planning.rounds import RoundOrderError, open_round
from mail.worker.jobs import Job
from server.access.guards import console
from server.access.kept_forms import read_kept
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.nav_counts import console_frame
from server.console.outcome import Survey, survey_of
from server.console.rounds import RoundShown, read_round_results
from server.console.task_list import read_back
from server.console.transition_form import YES, is_reason
from server.http.form_data import read_number
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, read_fields, respond
from sync.database import Tx, run, tx
from sync.errors import UnknownReferenceError
from sync.records import reading


class Choice(Struct, frozen=True):
    """An active campaign, and its survey of the task's last round, if that has one."""

    id: UUID
    name: str
    survey: Survey | None

    @property
    def is_free(self) -> bool:
        """Whether a survey of it may be sent: there is none, or it was dropped."""
        return self.survey is None or self.survey.code == "dropped"


class Typed(Struct, frozen=True):
    """The values of a form. `wrong`: the field with an error, or what kept it from being done."""

    why: str = ""
    campaign: str = ""
    waive: bool = False
    wrong: str = ""


_CHOICES: Final = """
SELECT m.id, m.name, i.id AS invitation, i.status, i.reason AS survey_reason, i.release, i.sent_at,
  NULL::text AS outcome, a.answered_at, a.not_me
FROM campaign m
LEFT JOIN invitation i
  ON i.account = m.account AND i.campaign = m.id AND i.task = $2 AND i.round = $3
LEFT JOIN answer a ON a.account = i.account AND a.invitation = i.id
WHERE m.account = $1 AND m.status = 'active'
ORDER BY search_form(m.name), m.name, m.id
"""


@route("/tasks/{task:uuid}/round", http_method=READING, guards=[console(Action.ROUND_OPEN)])
async def round_form(request: ConsoleRequest, task: FromPath[UUID]) -> Response[str]:
    """What opening a new round does, and the form.

    :raises MissingError: this account has no such task.
    """
    fields = await read_kept(request, f"/tasks/{task}/round/open")
    return await _round(request, task, Typed(fields.get("why", "")))


@post("/tasks/{task:uuid}/round/open", status_code=303, guards=[console(Action.ROUND_OPEN)])
async def open_task_round(request: ConsoleRequest, task: FromPath[UUID]) -> Response[str]:
    """Open the round that the form names, once; or show the form with its error.

    :raises MissingError: this account has no such task.
    """
    fields = await read_fields(request)
    why = fields.get("why", "").strip()
    if not is_reason(why):
        return await _round(request, task, Typed(why, wrong="why"))
    number = read_number(fields.get("round", ""))
    work = partial(open_round, task=task, number=number, by=request.user.user, reason=why)
    try:
        await run(request.user.account, work, actor_of(request))
    except RoundOrderError:
        return await _round(request, task, Typed(why, wrong="round"))
    return _led_back(request, task, "round")


def _led_back(request: ConsoleRequest, task: UUID, done: str) -> Redirect:
    """To the task's page, which says what was `done` and knows the list one came from."""
    carried = read_back(request.query_params).carried
    given = f"done={done}&{carried}" if carried else f"done={done}"
    return Redirect(f"/tasks/{task}?{given}#result", status_code=303)


async def _round(request: ConsoleRequest, task: UUID, typed: Typed) -> Response[str]:
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        found = await reading.get_task(opened, task)
        rounds = await _rounds(opened, request, task)
        clock = clock_for(opened, page, request.user.zone)
    status = {"": 200, "why": 422}.get(typed.wrong, 409)
    shown = {"task": found, "rounds": rounds, "typed": typed, "clock": clock}
    shown["back"] = read_back(request.query_params)
    return respond(request, "round.html", page, status=status, **shown)


async def _rounds(opened: Tx, request: ConsoleRequest, task: UUID) -> list[RoundShown]:
    return await read_round_results(opened, services(request).settings.mail_from, task)


@route("/tasks/{task:uuid}/survey", http_method=READING, guards=[console(Action.SURVEY_SEND)])
async def survey_form(request: ConsoleRequest, task: FromPath[UUID]) -> Response[str]:
    """The campaigns of which a survey may be sent by hand, and the form.

    :raises MissingError: this account has no such task.
    """
    fields = await read_kept(request, f"/tasks/{task}/survey/send")
    return await _survey(request, task, _typed(fields))


@post("/tasks/{task:uuid}/survey/send", status_code=303, guards=[console(Action.SURVEY_SEND)])
async def send_survey(request: ConsoleRequest, task: FromPath[UUID]) -> Response[str]:
    """Send the survey, once; or show the form with its error.

    :raises MissingError: this account has no such task.
    """
    typed = _typed(await read_fields(request))
    campaign = None
    with suppress(ValueError):
        campaign = UUID(typed.campaign)
    if campaign is None or not is_reason(typed.why):
        wrong = "campaign" if campaign is None else "why"
        return await _survey(request, task, _with(typed, wrong))
    asking = Request(campaign, request.user.user, typed.why, typed.waive)
    try:
        work = partial(send_by_hand, task=task, request=asking)
        await run(request.user.account, work, actor_of(request))
    except (AskedError, NotActiveError, NoStepError) as error:
        return await _survey(request, task, _with(typed, error.code))
    except UnknownReferenceError:
        return await _survey(request, task, _with(typed, "campaign"))
    services(request).ring(Job.DELIVER)
    return _led_back(request, task, "asked")


def _typed(fields: Mapping[str, str]) -> Typed:
    return Typed(
        fields.get("why", "").strip(), fields.get("campaign", ""), fields.get("waive") == YES
    )


def _with(typed: Typed, wrong: str) -> Typed:
    return Typed(typed.why, typed.campaign, typed.waive, wrong)


async def _survey(request: ConsoleRequest, task: UUID, typed: Typed) -> Response[str]:
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        found = await reading.get_task(opened, task)
        rounds = await _rounds(opened, request, task)
        clock = clock_for(opened, page, request.user.zone)
        rows = await opened.fetch(_CHOICES, opened.account, task, len(rounds))
    choices = [Choice(row["id"], row["name"], survey_of(row)) for row in rows]
    status = {"": 200, "why": 422, "campaign": 422}.get(typed.wrong, 409)
    shown = {"task": found, "rounds": rounds, "choices": choices, "typed": typed, "clock": clock}
    shown["back"] = read_back(request.query_params)
    return respond(request, "ask.html", page, status=status, **shown)


ROUTES: Final = (round_form, open_task_round, survey_form, send_survey)
