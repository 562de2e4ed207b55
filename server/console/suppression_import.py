"""/addresses/import: a file of suppressions is pasted or chosen, tried, and then imported."""

from functools import partial
from typing import Final

from litestar import Response, post, route
from msgspec import Struct

from mail.consent.suppression_file import Line, import_entries, read_file
from mail.worker.jobs import Job
from server.access.guards import console
from server.access.principals import ConsoleRequest, actor_of
from server.access.rights import Action
from server.console.nav_counts import console_frame
from server.services import services
from server.web.methods import READING
from server.web.page import read_fields, respond
from sync.database import run, tx
from sync.errors import FieldError, TooManyError

#: Lines whose result a page shows; all are counted.
MOST_SHOWN: Final = 500


class Tried(Struct, frozen=True):
    """A file as it was sent. `lines`: what became of each, or would; `wrong`: why none was read."""

    text: str = ""
    lines: list[Line] = []
    is_done: bool = False
    wrong: str = ""

    @property
    def shown(self) -> list[Line]:
        """The first lines; refused ones, which somebody has to look at, come first."""
        kept = sorted(self.lines, key=lambda line: line.result in {"added", "present"})
        return kept[:MOST_SHOWN]

    def count(self, result: str) -> int:
        """How many lines came to `result`; `refused` for either way of it."""
        refused = {"bad_address", "unknown_reason"}
        wanted = refused if result == "refused" else {result}
        return sum(line.result in wanted for line in self.lines)


@route("/addresses/import", http_method=READING, guards=[console(Action.SUPPRESSION_IMPORT)])
async def import_form(request: ConsoleRequest) -> Response[str]:
    """The form."""
    return await _respond(request, Tried())


@post("/addresses/import", status_code=200, guards=[console(Action.SUPPRESSION_IMPORT)])
async def import_text(request: ConsoleRequest) -> Response[str]:
    """What would become of each line; with `do`, what became of it."""
    fields = await read_fields(request)
    text, is_done = fields.get("text", ""), fields.get("do") == "yes"
    try:
        entries = await read_file(text.encode())
    except TooManyError:
        return await _respond(request, Tried(text, wrong="too_many"))
    except FieldError:
        entries = []
    if not entries:
        return await _respond(request, Tried(text, wrong="file"))
    work = partial(import_entries, entries=entries, dry_run=not is_done)
    lines = await run(request.user.account, work, actor_of(request))
    if is_done:
        services(request).ring(Job.DELIVER)
    return await _respond(request, Tried(text, lines, is_done))


async def _respond(request: ConsoleRequest, tried: Tried) -> Response[str]:
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
    status = 422 if tried.wrong else 200
    return respond(request, "suppression_import.html", page, status=status, tried=tried)


ROUTES: Final = (import_form, import_text)
