"""/u/{token}: one page, one button; and the POST of mail programs (RFC 8058)."""

from typing import Final

from litestar import Response, post, route
from litestar.params import FromPath

from mail.responses import answers
from server.access.guards import anyone
from server.access.rights import Action
from server.survey.answer_page import closed
from server.web.methods import READING
from server.web.page import AnyRequest, frame, respond
from sync.tokens import found_in

KIND: Final = "unsubscribe link"


@route("/u/{token:path}", http_method=READING, guards=[anyone(Action.SUBSCRIPTION_END)])
async def unsubscribe_page(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """The button; reading it changes nothing."""
    token = found_in(token)
    found = await answers.open_subscription(token)
    return await _respond(request, token, found)


@post("/u/{token:path}", status_code=200, guards=[anyone(Action.SUBSCRIPTION_END)])
async def unsubscribe(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """Send no survey of the account to the address any more, at once, as often as asked.

    The body is not read: there is nothing to choose, and mail programs send it in several shapes.
    """
    token = found_in(token)
    found = await answers.unsubscribe(token)
    return await _respond(request, token, found)


async def _respond(
    request: AnyRequest, token: str, found: answers.Subscription | None
) -> Response[str]:
    if found is None:
        return await closed(request, KIND)
    page = frame(request, preferred=found.language)
    return respond(request, "unsubscribe.html", page, subscription=found, path=f"/u/{token}")
