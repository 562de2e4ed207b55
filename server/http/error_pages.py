"""Pages about errors, for people: with their navigation, and with what was typed."""

from contextlib import suppress
from typing import Any

from litestar import Request, Response

from server.access.kept_forms import write_kept
from server.access.principals import Principal
from server.console.nav_counts import console_frame
from server.http.form_data import read_form
from server.http.problems import BadBodyError, TooLargeError
from server.web.login_form import HOME, LoginForm
from server.web.page import frame, page_above, respond
from sync.connections import FAULTS
from sync.database import tx

AnyRequest = Request[Any, Any, Any]


class ErrorPage(Response[str]):
    """The page about an error, made when it is sent: it needs the database and the body.

    `code`: a key of `PROBLEMS`.
    """

    def __init__(self, request: AnyRequest, code: str, status: int) -> None:
        super().__init__("", status_code=status, media_type="text/html")
        self._request, self._code = request, code

    def to_asgi_response(self, app: Any, request: AnyRequest, **options: Any) -> Any:
        """The page as an ASGI application, with the headers that were set on this response."""

        async def send_page(scope: Any, receive: Any, send: Any) -> None:
            page = await self._page()
            for name, value in self.headers.items():
                page.set_header(name, value)
            await page.to_asgi_response(app, request, **options)(scope, receive, send)

        return send_page

    async def _page(self) -> Response[str]:
        """The page; after a session ended, the login form that leads back with what was typed."""
        request, code, status = self._request, self._code, self.status_code or 500
        above = page_above(request) or HOME
        if code == "not_signed_in":
            kept = ""
            with suppress(BadBodyError, TooLargeError):
                kept = write_kept(request.scope["path"], read_form(await request.body()))
            form = LoginForm(next=above, problem="session_ended", kept=kept)
            return respond(request, "login.html", frame(request), status=status, form=form)
        user = request.scope.get("user")  # missing where the error came before the guard
        person = user if isinstance(user, Principal) else None
        page = frame(request, person)
        if person is not None and status < 500:
            with suppress(*FAULTS):
                async with tx(person.account) as opened:
                    page = await console_frame(opened, request)
        return respond(request, "error.html", page, status=status, code=code, above=above)
