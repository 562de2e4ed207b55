"""/, /login and /logout."""

from urllib.parse import urlsplit

from litestar import Response, post, route
from litestar.response import Redirect

from server.access.guards import anyone
from server.access.kept_forms import SHOWN, check_kept
from server.access.principals import sign_in, sign_out, signed_in
from server.access.rights import Action
from server.http.problems import ForbiddenError, LoginRefusedError, ThrottledError
from server.web.login_form import HOME, LoginForm
from server.web.methods import READING
from server.web.page import AnyRequest, frame, read_fields, respond
from sync.intake.incoming import LONGEST_ADDRESS


@route("/", http_method=READING, guards=[anyone(Action.SESSION_START)])
async def front() -> Redirect:
    """A redirect to the list of tasks, the front page."""
    return Redirect(HOME, status_code=303)


@route("/login", http_method=READING, guards=[anyone(Action.SESSION_START)])
async def login_form(request: AnyRequest) -> Response[str]:
    """The form; a redirect to `next` for who is signed in already."""
    target = own_path(request.query_params.get("next", ""))
    if await signed_in(request) is not None:
        return Redirect(target, status_code=303)
    return respond(request, "login.html", frame(request), form=LoginForm(next=target))


@post("/login", status_code=303, guards=[anyone(Action.SESSION_START)])
async def login(request: AnyRequest) -> Response[str]:
    """Start a session and redirect to `next`, or show the form with the reason for the refusal."""
    fields = await read_fields(request)
    email, password = fields.get("email", ""), fields.get("password", "")
    if len(email) > LONGEST_ADDRESS:
        email = ""  # no account has such an address
    target = own_path(fields.get("next", ""))
    kept = check_kept(fields.get("kept", ""))
    shown = f"{target}{'&' if '?' in target else '?'}{SHOWN}=yes" if kept else target
    response: Response[str] = Redirect(shown, status_code=303)
    try:
        await sign_in(request, email, password, response, kept)
    except (LoginRefusedError, ThrottledError, ForbiddenError) as refusal:
        status = {"login_refused": 401, "throttled": 429}.get(refusal.code, 403)
        form = LoginForm(email, target, refusal.code, kept or "")
        answer = respond(request, "login.html", frame(request), status=status, form=form)
        if refusal.retry_after is not None:
            answer.set_header("Retry-After", str(refusal.retry_after))
        return answer
    return response


@post("/logout", status_code=303, guards=[anyone(Action.SESSION_END)])
async def logout(request: AnyRequest) -> Response[str]:
    """End the session."""
    response: Response[str] = Redirect("/login", status_code=303)
    await sign_out(request, response)
    return response


def own_path(text: str) -> str:
    """`text` if it is a path of this site, else the front page: prevents open redirects."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return HOME
    inside = text.startswith("/") and not text.startswith("//") and "\\" not in text
    return text if inside and text.isprintable() and not parts.netloc else HOME
