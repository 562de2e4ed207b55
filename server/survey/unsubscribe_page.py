"""/u/{token}: the unsubscribe page; its POST is also the one-click unsubscribe of RFC 8058."""

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
    """The page with the button; GET changes nothing."""
    token = found_in(token)
    subscription = await answers.open_subscription(token)
    return await _respond(request, token, subscription)


@post("/u/{token:path}", status_code=200, guards=[anyone(Action.SUBSCRIPTION_END)])
async def unsubscribe(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """Suppress the address for the account; idempotent.

    The body is not read: there is nothing to choose, and mail programs send several kinds.
    """
    token = found_in(token)
    subscription = await answers.unsubscribe(token)
    return await _respond(request, token, subscription)


async def _respond(
    request: AnyRequest, token: str, subscription: answers.Subscription | None
) -> Response[str]:
    if subscription is None:
        return await closed(request, KIND)
    page = frame(request, preferred=subscription.language)
    return respond(request, "unsubscribe.html", page, subscription=subscription, path=f"/u/{token}")
