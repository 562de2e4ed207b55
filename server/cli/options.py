"""Options of the commands, and a decorator that shows errors as a line of text."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

import click
from dramatiq.middleware import MiddlewareError

from mail.worker.broker import BrokerUrlError
from server.cli.terminal import _
from server.postgres import EmbeddedError
from server.provisioning import ProvisionError
from server.runtime import processes
from server.settings import SettingsError
from sync.connections import FAULTS as DATABASE_FAULTS

P = ParamSpec("P")
T = TypeVar("T")

#: Technical errors, whose own text is shown.
FAULTS: Final = (
    BrokerUrlError,
    EmbeddedError,
    MiddlewareError,
    ProvisionError,
    SettingsError,
    processes.DiedError,
)


def in_words(command: Callable[P, T]) -> Callable[P, T]:
    """`command`, whose errors end it with a line of text and exit code 1."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except FAULTS as error:
            raise click.ClickException(str(error)) from error
        except processes.PortTakenError as error:
            text = _("Cannot listen on %(address)s; name another port with --port")
            raise click.ClickException(text % {"address": error}) from None
        except DATABASE_FAULTS as error:
            text = _("The database cannot be reached: %(error)s") % {"error": error}
            raise click.ClickException(text) from error

    return guarded


def an_address(_context: click.Context, option: click.Parameter, host: str) -> str:
    """The address to listen on; a blank one would mean all addresses of the machine.

    :raises click.BadParameter: it is blank.
    """
    if not host.strip():
        raise click.BadParameter("blank", param=option)
    return host


data_option = click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help=_("Folder that keeps everything."),
)
port_option = click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8000,
    show_default=True,
    help=_("Port to listen on; 0 takes a free one."),
)
host_option = click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    callback=an_address,
    help=_("Address to listen on."),
)
account_option = click.option(
    "--account", help=_("Which account, where there are several: its eight characters.")
)
