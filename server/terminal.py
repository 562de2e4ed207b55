"""The terminal: its language, and what `retour up` writes on it."""

from pathlib import Path
from typing import Final

import click

from mail.i18n import DEFAULT, supported, translations
from server.settings import terminal_locale
from server.up import Running, Stage

CATALOGUES: Final = Path(__file__).parent / "locale"


def locale() -> str:
    """The locale in which to speak to whoever sits there."""
    return supported(terminal_locale()) or DEFAULT


def _(text: str) -> str:
    """`text` in that locale."""
    return translations(locale(), CATALOGUES).gettext(text)


class Screen:
    """Tells how the start goes, then the addresses and logins."""

    def __init__(self, folder: Path, command: str) -> None:
        """`command`: how `retour` was called, which need not be on the PATH."""
        self._folder = folder
        self._command = command

    def starting(self, stage: Stage) -> None:
        """One line for what takes a moment."""
        texts = {
            Stage.DATABASE: _("Preparing the database…"),
            Stage.DEMO: _("Writing the demonstration: three hundred tasks of ninety days…"),
        }
        click.echo(texts[stage])

    def ready(self, running: Running) -> None:
        """The block that says where to go."""
        click.echo("\n" + "\n".join(self._block(running)))

    def _block(self, running: Running) -> list[str]:
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
        technician = next((one for one in running.users if one.role == "technician"), None)
        if technician is not None:
            command = f"{self._command} enrol {technician.email} --data {self._folder}"
            lines.append(_("To enrol a device: %(command)s") % {"command": command})
        lines.append(_("The same in %(file)s") % {"file": self._folder / "demo.json"})
        lines.append(_("Ctrl-C stops; all data stays in the folder."))
        return lines
