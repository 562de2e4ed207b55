"""Runs the work of a command on a database that is found by the settings or a data folder."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from server.cli import accounts
from server.cli.terminal import _, warn_of_variables
from server.provisioning.provision import provision_new
from server.runtime import logs
from server.runtime.data_folder import database_of
from server.settings import load

T = TypeVar("T")

#: The security log of `retour up`, in its data folder.
SECURITY_FILE: Final = "security.log"


def run_on_database(
    work: Callable[..., Coroutine[Any, Any, T]], folder: Path | None, *args: object
) -> T:
    """The result of `work(settings, *args)`.

    The settings' database is used, or that of `retour up` on the folder; it is made ready first.

    :raises click.ClickException: there is no database, or no such account.
    """
    warn_of_variables()
    logs.to_terminal()  # for what `provision_new` may wait for
    settings = load()
    place = folder or Path(settings.data)
    found = database_of(settings, place)
    if found is None:
        raise _not_running(place)

    async def ready() -> T:
        await provision_new(found)
        return await work(found, *args)

    record = None if settings.database_url else place / SECURITY_FILE
    try:
        with logs.security_of_command(record, _("Security event")):
            return asyncio.run(ready())
    except ConnectionRefusedError:
        if settings.database_url:
            raise
        raise _not_running(place) from None
    except accounts.AmbiguousError as error:
        text = _("Several accounts fit; choose with --account: %(accounts)s")
        raise click.ClickException(text % {"accounts": error}) from None
    except accounts.UnknownAccountError:
        raise click.ClickException(_("There is no such account")) from None


def _not_running(folder: Path) -> click.ClickException:
    text = _("No Retour runs on %(folder)s: start it with `retour up`, or set %(names)s")
    names = "RETOUR_DATABASE_URL, RETOUR_SECRET"
    return click.ClickException(text % {"folder": folder, "names": names})
