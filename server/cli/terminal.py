"""The terminal: its language, password prompts, and the output of `retour up`."""

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from mail.i18n import locale_of, translations
from server.access.api_tokens import TokenRecord
from server.access.common_passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD
from server.runtime.up import Running, Stage
from server.settings import terminal_locale

CATALOGUES: Final = Path(__file__).parent.parent / "locale"


def locale() -> str:
    """The locale of the terminal's user."""
    return locale_of(terminal_locale())


def _(text: str) -> str:
    """`text`, translated to that locale."""
    return translations(locale(), CATALOGUES).gettext(text)


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
        """Show the addresses, the logins and how to enrol a device."""
        roles = {
            "administrator": _("administrator"),
            "manager": _("manager"),
            "dispatcher": _("dispatcher"),
            "technician": _("technician"),
        }
        lines = [f"Retour   {running.base_url}", f"{_('Mailbox')}   {running.base_url}/mailbox"]
        lines += [
            f"  {user.email:<26} {user.password}   {roles[user.role]}, {user.name}"
            for user in running.users
        ]
        technician = next((user for user in running.users if user.role == "technician"), None)
        if technician is not None:
            command = f"{self._command} enrol {technician.email} --data {self._folder}"
            lines.append(_("To enrol a device: %(command)s") % {"command": command})
        lines.append(_("The same in %(file)s") % {"file": self._folder / "demo.json"})
        lines.append(_("Ctrl-C stops; all data stays in the folder."))
        click.echo("\n" + "\n".join(lines))
