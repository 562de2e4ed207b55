"""Answers errors of other middleware and of the router; Litestar answers those of handlers."""

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
    """`app`, whose errors are answered like those of a handler, unless a response has started."""

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
            if isinstance(error, HTTPException):  # of the router, before a guard identified anybody
                with suppress(*FAULTS):
                    request.scope["user"] = await signed_in(request)
            answer = answer_error(request, error)
            await answer.to_asgi_response(app=None, request=request)(scope, receive, send)
            # Tracebacks make reference cycles, which would keep the whole request in memory.
            cause: BaseException | None = error
            while cause is not None:
                cause.__traceback__ = None
                cause = cause.__cause__ or cause.__context__

    return answering
