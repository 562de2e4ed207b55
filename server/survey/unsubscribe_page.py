"""/u/{token}: the unsubscribe page; its POST is also the one-click unsubscribe of RFC 8058."""

import re
from typing import Final

from litestar import Response, post, route
from litestar.params import FromPath

from mail.message.wording import imprint
from mail.responses.subscriptions import (
    Leaving,
    Subscription,
    open_subscription,
    resubscribe,
    unsubscribe,
)
from server.access.guards import anyone
from server.access.rate_limit import ANSWERS, Bucket, count
from server.access.rights import Action
from server.http.form_data import is_brief_form
from server.survey.answer_page import closed
from server.web.methods import READING
from server.web.page import AnyRequest, frame, respond
from sync.tokens import found_in, read

KIND: Final = "unsubscribe link"
#: The way back; mail programs only post to the link itself.
#: What the buttons of the page send.
_CHOICES: Final[dict[bytes, Leaving]] = {b"campaign": "campaign", b"quarter": "quarter"}
_AGAIN: Final = re.compile(r"/again\W*\Z")


@route("/u/{token:path}", http_method=READING, guards=[anyone(Action.SUBSCRIPTION_END)])
async def unsubscribe_page(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """The page with the button; GET changes nothing."""
    token = found_in(token)
    return await _respond(request, token, await open_subscription(token))


@post("/u/{token:path}", status_code=200, guards=[anyone(Action.SUBSCRIPTION_END)])
async def change_subscription(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """Suppress the address for the account or keep a lesser choice; lift either at /again.

    Idempotent. Only a brief form is read, for mail programs send several kinds of bodies.

    :raises ThrottledError: the link came back too often.
    """
    path, token = token, found_in(token)
    if _AGAIN.search(path):
        if await open_subscription(token) is not None:
            # Going back and forth leaves traces, so it is slowed down; leaving never is.
            await count([Bucket(f"answers by link {read(token)}", ANSWERS)])
        return await _respond(request, token, await resubscribe(token), again=True)
    leaving: Leaving = "all"
    if is_brief_form(request.headers):
        leaving = _CHOICES.get((await request.body()).partition(b"choice=")[2], leaving)
    return await _respond(request, token, await unsubscribe(token, leaving))


async def _respond(
    request: AnyRequest, token: str, subscription: Subscription | None, *, again: bool = False
) -> Response[str]:
    if subscription is None:
        return await closed(request, KIND, "unknown_subscription.html")
    return respond(
        request,
        "unsubscribe.html",
        frame(request, preferred=subscription.language),
        subscription=subscription,
        again=again,
        path=f"/u/{token}",
        imprint=imprint(subscription.identity),
    )
