"""Answer what the other middlewares and the router raise; handlers' errors never get this far."""

from contextlib import suppress
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.access.principals import signed_in
from server.http.problem_details import answer_error
from server.http.problems import ClientGoneError
from sync.connections import FAULTS


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
            if isinstance(error, HTTPException):
                await _recognise(request)
            answer = answer_error(request, error)
            await answer.to_asgi_response(app=None, request=request)(scope, receive, send)
            _forget_where(error)

    return answering


def _forget_where(error: BaseException | None) -> None:
    """Let go of what raised `error`: who kept it in a variable would keep the whole request."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


async def _recognise(request: Request[Any, Any, Any]) -> None:
    """Find out who asked for what no route has; nobody did where the database is away."""
    with suppress(*FAULTS):
        request.scope["user"] = await signed_in(request)
