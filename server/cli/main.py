"""The command `retour` and its subcommands, in the language of the terminal.

The application takes a second to import: those commands import it that run it.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import msgspec

from server.access.api_tokens import MOST_DAYS, USUAL_DAYS, read_order
from server.cli import accounts, restore
from server.cli.account_group import account_group
from server.cli.localised import SpokenGroup, option
from server.cli.on_database import SECURITY_FILE, run_on_database
from server.cli.options import account_option, data_option, host_option, in_words, port_option
from server.cli.reload import run_reloading
from server.cli.replay_command import replay_command
from server.cli.terminal import (
    Screen,
    _,
    token_lines,
    warn_of_variables,
)
from server.demo.fixture import DEMO
from server.demo.time_shift import Moved, RealAccountError, move_clock
from server.provisioning.provision import as_owner, provision
from server.runtime import logs
from server.runtime.data_folder import FolderInUseError, Place
from server.settings import Settings, load, warn_of_unknown
from sync.errors import MissingError


@click.group(cls=SpokenGroup, help=_("Retour: each finished task asks the customer once."))
@click.version_option(package_name="retour", help=_("Show the version and end."))
def main() -> None:
    """The group of all commands."""


@main.command("up", help=_("Run everything in one process, with the demonstration account."))
@data_option
@port_option
@host_option
@option(
    "--reload",
    "reloads",
    is_flag=True,
    help=_("Start again whenever a file of the code changes, for developers."),
)
@in_words
def up_command(folder: Path | None, port: int, host: str, reloads: bool) -> None:
    """API, worker, clock and mailbox on an embedded PostgreSQL."""
    if reloads:
        run_reloading([word for word in sys.argv[2:] if word != "--reload"])
        return
    from server.runtime.up import up

    warn_of_variables()
    settings = load()
    place = Place((folder or Path(settings.data)).absolute(), host, port)
    place.folder.mkdir(parents=True, exist_ok=True)
    logs.to_file(place.folder / "retour.log")
    logs.security_to_file(place.folder / SECURITY_FILE)
    warn_of_unknown()
    screen = Screen(place.folder, sys.argv[0])
    try:
        up(settings, place, screen)
    except FolderInUseError as error:
        text = _("Retour already runs on %(folder)s; stop it, or name another folder with --data")
        raise click.ClickException(text % {"folder": error}) from None
    screen.stopped()


@main.command("api", help=_("Answer HTTP, on the database and broker of the settings."))
@port_option
@host_option
@in_words
def api_command(port: int, host: str) -> None:
    """One API process; any number may run."""
    from server.runtime import processes

    settings = _shared_settings()
    with processes.listen_on(host, port) as listening:
        api_dsn, _worker = asyncio.run(provision(settings))
        processes.until_signalled(partial(processes.api, settings, api_dsn, listening))


@main.command("worker", help=_("Plan, deliver and roll up when rung."))
@in_words
def worker_command() -> None:
    """One worker process; any number may run."""
    from server.runtime import processes

    _run_mail_process(processes.worker)


@main.command("clock", help=_("Ring for what is due."))
@in_words
def clock_command() -> None:
    """One clock process; any number may run, and one at a time rings."""
    from server.runtime import processes

    _run_mail_process(processes.clock)


def _run_mail_process(main: Callable[..., Coroutine[Any, Any, None]]) -> None:
    from server.runtime import processes

    settings = _shared_settings()
    _api, worker_dsn = asyncio.run(provision(settings))
    config = processes.mail_config(settings, worker_dsn)
    processes.until_signalled(partial(main, config, settings.broker_url))


def _shared_settings() -> Settings:
    """The settings of a process that shares its database, secret and broker with others.

    :raises click.ClickException: one of these is not set.
    """
    logs.to_terminal()
    warn_of_unknown()
    settings = load()
    needed = {
        "RETOUR_DATABASE_URL": settings.database_url,
        "RETOUR_SECRET": settings.secret,
        "RETOUR_BROKER_URL": settings.broker_url.removeprefix("memory://"),
    }
    missing = [name for name, value in needed.items() if not value]
    if missing:
        text = _("Set %(names)s: separate processes share a database, a secret and a broker")
        raise click.ClickException(text % {"names": ", ".join(missing)})
    return settings


@main.command("enrol", help=_("Print a fresh enrolment code for a technician."))
@click.argument("email")
@account_option
@data_option
@in_words
def enrol_command(email: str, account: str | None, folder: Path | None) -> None:
    """The code enrols one device; it expires after ten minutes."""
    try:
        click.echo(run_on_database(accounts.enrolment_code, folder, email, account))
    except accounts.UnknownPersonError:
        text = _("Nobody has the address %(email)s") % {"email": email}
        raise click.ClickException(text) from None
    except MissingError:
        text = _("%(email)s is no active technician") % {"email": email}
        raise click.ClickException(text) from None


@main.command("token", help=_("Print a fresh API token; it acts as an administrator."))
@click.argument("name")
@option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=USUAL_DAYS,
    show_default=True,
    help=_("For how many days it works."),
)
@account_option
@data_option
@in_words
def token_command(name: str, days: int, account: str | None, folder: Path | None) -> None:
    """The token is shown only now; its hash is stored."""
    try:
        order = read_order(name, days)
    except msgspec.ValidationError:
        text = _("A token is called by one visible line of at most 100 characters")
        raise click.ClickException(text) from None
    issued = run_on_database(accounts.new_token, folder, order, account)
    click.echo(issued.token)
    text = _("It works until %(day)s. `retour tokens` lists all of them.")
    click.echo(text % {"day": f"{issued.expires_at:%Y-%m-%d}"}, err=True)


@main.command("tokens", help=_("List the API tokens, when they end and were last used."))
@account_option
@data_option
@in_words
def tokens_command(account: str | None, folder: Path | None) -> None:
    """One line per token, without its secret, which is not stored."""
    found, now = run_on_database(accounts.all_tokens, folder, account)
    click.echo("\n".join(token_lines(found, now)))


@main.command("restored", help=_("Say that the database came back from a backup."))
@account_option
@data_option
@in_words
def restored_command(account: str | None, folder: Path | None) -> None:
    """Devices start again; mails that were due by now are held."""
    count = run_on_database(restore.restored, folder, account)
    text = _(
        "Noted for %(count)s accounts. Devices will pull everything anew and keep what they have"
        " queued. Surveys that were due by now may have been sent already: they are held as they"
        " come up, and `retour held` shows them."
    )
    click.echo(text % {"count": count})


@main.command("held", help=_("Count the surveys that are held; send them, or drop them."))
@option("--send", is_flag=True, help=_("Send them all."))
@option("--drop", is_flag=True, help=_("Send none of them."))
@account_option
@data_option
@in_words
def held_command(send: bool, drop: bool, account: str | None, folder: Path | None) -> None:
    """Mails are held if it is uncertain whether they were sent, or if they could not be written."""
    if send and drop:
        raise click.ClickException(_("Either --send or --drop: they cannot do both"))
    order: restore.Order = "send" if send else "drop" if drop else "stay"
    count = run_on_database(restore.held_mails, folder, account, order)
    match order:
        case "send":
            text = _("Surveys on their way: %(count)s")
        case "drop":
            text = _("Surveys dropped: %(count)s")
        case "stay":
            text = _("Surveys held: %(count)s")
    click.echo(text % {"count": count})


@main.command("demo", help=_("Move the demonstration's clock ahead: surveys that wait are sent."))
@option(
    "--hours",
    type=click.IntRange(1, 720),
    default=12,
    show_default=True,
    help=_("By how many hours."),
)
@data_option
@in_words
def demo_command(hours: int, folder: Path | None) -> None:
    """The database of `retour up` alone is moved, and only while it has no other account."""
    if load().database_url:
        raise click.ClickException(_("Only the database of `retour up` has a clock to move"))

    async def move(settings: Settings) -> Moved:
        async with as_owner(settings.database_url) as owner:
            return await move_clock(owner, timedelta(hours=hours))

    try:
        moved = run_on_database(move, folder)
    except RealAccountError:
        text = _(
            "This is not the demonstration alone: the time of real accounts is never moved. Start"
            " Retour on another folder, which begins with a demonstration alone: `retour up --data"
            " other`, then `retour demo --data other`"
        )
        raise click.ClickException(text) from None
    here = moved.now.astimezone(ZoneInfo(DEMO.account.zone))
    text = _("For the demonstration it is now %(time)s. Surveys sent to the mailbox: %(count)s")
    click.echo(text % {"time": f"{here:%Y-%m-%d %H:%M}", "count": moved.due})


main.add_command(account_group)
main.add_command(replay_command)
