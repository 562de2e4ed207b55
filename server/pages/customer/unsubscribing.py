"""/u/{token}: one page, one button; and the POST of mail programs (RFC 8058)."""

from typing import Final

from litestar import Response, post, route
from litestar.params import FromPath

from mail import answers
from server.pages.customer.survey import closed
from server.pages.page import AnyRequest, frame, respond
from server.pages.reading import READING

KIND: Final = "unsubscribe link"


@route("/u/{token:str}", http_method=READING)
async def unsubscribe_page(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """The button; reading it changes nothing."""
    found = await answers.open_subscription(token)
    return await _respond(request, token, found)


@post("/u/{token:str}", status_code=200)
async def unsubscribe(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """Send nothing more to the address, at once. Whatever the body says, and as often as asked."""
    found = await answers.unsubscribe(token)
    return await _respond(request, token, found)


async def _respond(
    request: AnyRequest, token: str, found: answers.Subscription | None
) -> Response[str]:
    if found is None:
        return await closed(request, KIND)
    page = frame(request, preferred=found.language)
    return respond(request, "unsubscribe.html", page, subscription=found, path=f"/u/{token}")
