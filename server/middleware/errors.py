"""Answer what the other middlewares and the router raise; handlers' errors never get this far."""

from typing import Any

from litestar import Request
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.answers import answer_error
from server.errors import ClientGoneError


def answer_errors(app: ASGIApp) -> ASGIApp:
    """`app`, where an error that passes becomes an answer as if a handler had raised it."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await app(scope, receive, sending)
        except ClientGoneError:
            return
        except Exception as error:
            if started:
                raise
            request = Request[Any, Any, Any](scope, receive, send)
            answer = answer_error(request, error)
            await answer.to_asgi_response(app=None, request=request)(scope, receive, send)

    return answering
