"""The commands `retour account ...`."""

import secrets
from pathlib import Path

import click

from server.cli import accounts
from server.cli.localised import SpokenGroup, option
from server.cli.on_database import run_on_database
from server.cli.options import data_option, in_words
from server.cli.terminal import _, account_language, ask_password, check_password
from server.http.problems import PROBLEMS
from sync.errors import FieldError
from sync.records.shapes import AccountPut, Language


@click.group("account", cls=SpokenGroup, help=_("Accounts: the companies that use Retour."))
def account_group() -> None:
    """The group of commands about accounts."""


@account_group.command("create", help=_("Create an account and its first administrator."))
@click.argument("name")
@option("--admin-name", required=True, help=_("Name of the first administrator."))
@option("--admin-email", required=True, help=_("Address with which to sign in."))
@option(
    "--password",
    help=_("At least twelve characters; asked for, or read from a pipe, where left out."),
)
@option("--zone", default="America/Toronto", show_default=True, help=_("IANA time zone."))
@option(
    "--language",
    type=click.Choice(["fr_CA", "en_CA"]),
    default=account_language,
    show_default=account_language(),
    help=_("Of the company and of this person."),
)
@data_option
@in_words
def create_account_command(
    name: str,
    admin_name: str,
    admin_email: str,
    password: str | None,
    zone: str,
    language: Language,
    folder: Path | None,
) -> None:
    """Prints the account's locator, and the password where none was given."""
    typed = ask_password() if password is None else password
    chosen = typed or secrets.token_urlsafe(12)
    check_password(chosen)
    founder = accounts.Founder(admin_name, admin_email, chosen, language)
    company = AccountPut(name=name, zone=zone, language=language)
    locator = _account_made(folder, company, founder)
    _show_account(locator, None if typed else chosen)


def _account_made(folder: Path | None, company: AccountPut, founder: accounts.Founder) -> str:
    """The locator of the new account.

    :raises click.ClickException: a value cannot be stored, or the database takes no account.
    """
    try:
        return run_on_database(accounts.new_account, folder, company, founder)
    except FieldError as error:
        what = _(PROBLEMS[error.code].title)
        raise click.ClickException(f"{error.field}: {what}") from None
    except accounts.MovedClockError:
        text = _(
            "`retour demo` moved the clock of this demonstration, which takes no other account."
            " Start Retour on another folder and name it to the commands as well: `retour up"
            " --data other`, then --data other or `export RETOUR_DATA=other`"
        )
        raise click.ClickException(text) from None


def _show_account(locator: str, password: str | None) -> None:
    """Show the account's locator, the password that was made for it, and what comes next."""
    text = _(
        "The account is created. Its code is %(code)s: commands take it as --account where there"
        " are several accounts."
    )
    click.echo(text % {"code": locator})
    if password is not None:
        click.echo(_("Password: %(password)s") % {"password": password})
    click.echo(_("Next: docs/start-account.md, from the empty account to its first survey."))
