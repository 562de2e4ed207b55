"""/s/{token}: the survey page. GET never records an answer: mail scanners follow links."""

import re
from typing import Final

from litestar import Response, post, route
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec.structs import replace

from mail.responses.answers import Closed, Invalid, Survey, open_survey, submit
from mail.responses.partials import forget_choice, keep_choice
from mail.responses.recording import Recorded, Theirs
from mail.responses.submission import Submission
from mail.worker.jobs import Job
from server.access.guards import anyone
from server.access.rate_limit import ANSWERS, Bucket, count, count_guess
from server.access.rights import Action
from server.http.content_policy import CONTENT_POLICY, FORMS
from server.http.problems import ThrottledError
from server.services import services
from server.survey.form import (
    Filled,
    filled,
    preselected,
    read_form,
    read_second_step,
    refused_second_step,
    shown,
    thanked,
)
from server.survey.question_form import read_value
from server.web.methods import READING
from server.web.page import AnyRequest, Page, frame, read_fields, respond
from server.web.times import Calendar
from sync.tokens import found_in, read

KIND: Final = "survey link"
#: A form's answer may lead nowhere that its page does not allow, nor may what it leads to.
_LEADING_ELSEWHERE: Final = CONTENT_POLICY.replace(FORMS, f"{FORMS} https:")
_THANKS: Final = re.compile(r"/thanks\W*\Z")
_UNSENT: Final = re.compile(r"/unsent\Z")


async def closed(request: AnyRequest, kind: str, template: str = "closed.html") -> Response[str]:
    """The page for a link that is unknown, expired or closed: the same for all, with status 404.

    :raises ThrottledError: the client's address tried too many invalid links of this `kind`.
    """
    await count_guess(request, kind)
    return respond(request, template, frame(request), status=404)


@route("/s/{token:path}", http_method=READING, guards=[anyone(Action.SURVEY_ANSWER)])
async def survey_page(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """The form, with the rating chosen in the mail; or the thanks page.

    The thanks page shows the recorded answer. In a second step it asks for a reason where one is
    missing, and what is asked after such a rating and was not answered: a browser may not have
    shown it with the form. Of an answer from another address the page says no more than when.
    """
    path, token = token, found_in(token)
    survey = await open_survey(token)
    if survey is None:
        return await closed(request, KIND)
    page = frame(request, preferred=survey.language)
    if survey.answered_elsewhere is not None:
        return _answered(request, token, survey, page)
    if not _THANKS.search(path):
        rating = read_value(request.query_params.get("rating", ""))
        form = preselected(survey, rating, page.locale)
        return _respond(request, token, survey, page, form)
    if survey.answer is None:
        return Redirect(f"/s/{token}", status_code=303)
    form = thanked(survey, survey.answer, page.locale)
    return _respond(request, token, survey, page, form, template="thanks.html")


@post("/s/{token:path}", status_code=303, guards=[anyone(Action.SURVEY_ANSWER)])
async def answer_survey(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """Record the answer and redirect to the thanks page, or show the form with its first error.

    Where the campaign leads to a page of its own, it leads everybody there, whatever they answered.
    That the visit was somebody else's is asked once more, with all that was typed, before it is
    recorded. A link that is used too often gets the form as it was sent, with a Retry-After header.
    """
    path, token = token, found_in(token)
    if _UNSENT.search(path):
        return await _keep_choice(request, token)
    survey = await open_survey(token)
    if survey is None:
        return await closed(request, KIND)
    page = frame(request, preferred=survey.language)
    if survey.answered_elsewhere is not None:
        return _answered(request, token, survey, page, is_unsaved=True)
    fields = await read_fields(request)
    if fields.get("step") == "2" and survey.answer is not None:
        submission = read_second_step(survey, survey.answer, fields, page.locale)
        return await _record(request, token, survey, page, submission)
    submission = read_form(survey, fields, page.locale)
    match fields.get("not_me"):
        case "ask":
            submission = replace(submission, not_me=True)
            if invalid := survey.form.invalid_fields(submission):
                form = filled(survey, submission, page.locale, invalid[0])
                return _respond(request, token, survey, page, form, status=422)
            form = filled(survey, submission, page.locale)
            return _respond(request, token, survey, page, form, template="not_me.html")
        case "back":
            return _back(request, token, survey, page, submission)
        case _:
            return await _record(request, token, survey, page, submission)


async def _keep_choice(request: AnyRequest, token: str) -> Response[str]:
    """Keep the rating that a reader leaves unsent; the answer is empty, whatever becomes of it.

    :raises ThrottledError: the link is used too often.
    """
    await count([Bucket(f"choices by link {read(token)}", ANSWERS)])
    fields = await read_fields(request)
    await keep_choice(token, read_value(fields.get("rating", "")))
    return Response("", status_code=204)


def _back(
    request: AnyRequest, token: str, survey: Survey, page: Page, submission: Submission
) -> Response[str]:
    """Show the form with all that was typed; what was disputed stays so until that is unticked."""
    stored = preselected(survey, None, page.locale)
    form = replace(
        filled(survey, submission, page.locale), is_called=stored.is_called, not_me=stored.not_me
    )
    form = replace(form, is_unsent=survey.answer is None or stored != form)
    return _respond(request, token, survey, page, form)


async def _record(
    request: AnyRequest, token: str, survey: Survey, page: Page, submission: Submission
) -> Response[str]:
    """Record `submission`, or show the form with what is wrong."""
    try:
        # One bucket for each link: tokens that differ in letter case only are the same link.
        await count([Bucket(f"answers by link {read(token)}", ANSWERS)])
    except ThrottledError as error:
        form = filled(survey, submission, page.locale, "too_often")
        answer = _respond(request, token, survey, page, form, status=429)
        answer.set_header("Retry-After", str(error.retry_after))
        return answer
    match await submit(token, submission):
        case Recorded(version=version, changed=changed):
            if version == 1:
                await forget_choice(token)
            if changed:
                services(request).ring(Job.ROLLUP)
            led_to = survey.content.page.redirect_url or f"/s/{token}/thanks"
            return Redirect(led_to, status_code=303)
        case Invalid(fields=invalid):
            is_second = submission.was_asked_after
            again = refused_second_step if is_second else filled
            form = again(survey, submission, page.locale, invalid[0])
            template = "thanks.html" if is_second else "survey.html"
            return _respond(request, token, survey, page, form, template=template, status=422)
        case Theirs():
            now_theirs = await open_survey(token) or survey
            return _answered(request, token, now_theirs, page, is_unsaved=True)
        case Closed():
            return await closed(request, KIND)


def _answered(
    request: AnyRequest, token: str, survey: Survey, page: Page, *, is_unsaved: bool = False
) -> Response[str]:
    """Say that whoever reads another address has answered. `is_unsaved`: so this one cannot."""
    return respond(
        request,
        "answered.html",
        page,
        status=409 if is_unsaved else 200,
        survey=shown(survey, f"/s/{token}", page.locale),
        clock=Calendar(survey.zone, page.locale),
        is_unsaved=is_unsaved,
    )


def _respond(
    request: AnyRequest,
    token: str,
    survey: Survey,
    page: Page,
    form: Filled,
    *,
    template: str = "survey.html",
    status: int = 200,
) -> Response[str]:
    response = respond(
        request,
        template,
        page,
        status=status,
        survey=shown(survey, f"/s/{token}", page.locale),
        clock=Calendar(survey.zone, page.locale),
        form=form,
    )
    if survey.content.page.redirect_url is not None:
        response.set_header("Content-Security-Policy", _LEADING_ELSEWHERE)
    return response
