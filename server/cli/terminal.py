"""The terminal: its language, password prompts, and the output of `retour up`."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from mail import wording
from mail.i18n import locale_of, translations
from server.access.api_tokens import TokenRecord
from server.access.common_passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD
from server.addresses import is_loopback
from server.runtime.data_folder import Login, Running, Stage
from server.settings import terminal_locale, unknown_variables
from server.web.words import ROLES

CATALOGUES: Final = (
    Path(__file__).parent.parent / "locale",
    Path(wording.__file__).parent / "locale",
)


def locale() -> str:
    """The locale of the terminal's user: English where it names none that Retour has."""
    return locale_of(terminal_locale(), "en")


def account_language() -> str:
    """The language of a new account where none is named: the terminal's, else French."""
    return locale_of(terminal_locale())


def _(text: str) -> str:
    """`text`, translated to the terminal's locale."""
    return translations(locale(), *CATALOGUES).gettext(text)


def warn_of_variables() -> None:
    """Show the variables that look like settings and are none."""
    for name, near in unknown_variables().items():
        text = _("Warning: %(name)s is no setting of Retour and changes nothing.")
        if near is not None:
            text = _("Warning: %(name)s is no setting of Retour; is %(near)s meant?")
        click.echo(text % {"name": name, "near": near}, err=True)


def ask_password() -> str:
    """The password from a hidden prompt, or the first line of standard input if it is a pipe.

    Empty where nothing is entered.

    :raises click.ClickException: not valid UTF-8.
    """
    if sys.stdin is not None and sys.stdin.isatty():
        text = _("Password (empty: one is made)")
        return str(click.prompt(text, default="", show_default=False, hide_input=True))
    line = sys.stdin.buffer.readline() if sys.stdin is not None else b""
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.ClickException(_("The password is not valid UTF-8")) from None


def check_password(password: str) -> None:
    """:raises click.ClickException: a length that the API would refuse."""
    if len(password) < SHORTEST_PASSWORD:
        raise click.ClickException(_("A password has at least twelve characters"))
    if len(password) > LONGEST_PASSWORD:
        raise click.ClickException(_("A password has at most 1,024 characters"))


def token_lines(found: Iterable[TokenRecord], now: datetime) -> Iterator[str]:
    """A line for each API token, under a heading: id, end, last use, name."""
    ends, used, never, name = _("ends"), _("last used"), _("never"), _("name")
    yield f"{'id':<16}  {ends:<12}  {used:<12}  {name}"
    for token in found:
        end = f"{token.expires_at:%Y-%m-%d}"
        if token.revoked_at is not None or token.expires_at <= now:
            end = _("revoked") if token.revoked_at is not None else _("expired")
        last = never if token.last_used_at is None else f"{token.last_used_at:%Y-%m-%d}"
        yield f"{token.id[:16]}  {end:<12}  {last:<12}  {token.name}"


class Screen:
    """Shows the progress of `retour up`, then its addresses and logins."""

    def __init__(self, folder: Path, command: str) -> None:
        """`command`: how `retour` was called; it may not be on the PATH."""
        self._folder = folder
        self._command = command

    def starting(self, stage: Stage) -> None:
        """Show a line for a stage of the start."""
        texts = {
            Stage.DATABASE: _("Preparing the database…"),
            Stage.DEMO: _("Writing the demonstration: three hundred tasks of ninety days…"),
        }
        click.echo(texts[stage])

    def ready(self, running: Running) -> None:
        """Show the addresses, who signs in to the console, and how a technician's device does."""
        technicians = [user for user in running.users if user.role == "technician"]
        office = [user for user in running.users if user.role != "technician"]
        lines = [
            *columns(
                ("Retour", running.base_url),
                (_("Mailbox"), f"{running.base_url}/mailbox"),
            )
        ]
        if office:
            logins = (
                (f"  {user.email}", user.password, _(ROLES[user.role]), user.name)
                for user in office
            )
            lines += ["", _("In the console, sign in with:"), *columns(*logins)]
        if technicians:
            lines += ["", *self._enrolling(running.base_url, technicians)]
        lines += ["", _("The same in %(file)s") % {"file": self._folder / "demo.json"}]
        if running.hours_ahead:
            text = _("The clock was moved %(hours)s hours ahead by `retour demo`.")
            lines.append(text % {"hours": running.hours_ahead})
        lines.append(_("Ctrl-C stops; all data stays in the folder."))
        click.echo("\n" + "\n".join(lines))

    def _enrolling(self, base_url: str, technicians: Sequence[Login]) -> Iterator[str]:
        text = _("Technicians use the app, %(address)s, on a device with a code of theirs:")
        yield text % {"address": f"{base_url}/tech/"}
        yield from columns(*((f"  {user.email}", user.name) for user in technicians))
        command = f"{self._command} enrol {technicians[0].email} --data {self._folder}"
        yield _("A code: in the console under Devices, or by %(command)s") % {"command": command}
        if is_loopback(base_url):
            yield _("A phone cannot reach this address; name another with --host.")

    def stopped(self) -> None:
        """Show that it ended as it was asked to."""
        click.echo(_("Retour has stopped. Its data is in %(folder)s.") % {"folder": self._folder})


def columns(*rows: tuple[str, ...]) -> Iterator[str]:
    """The rows with their cells below each other."""
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        yield "   ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
