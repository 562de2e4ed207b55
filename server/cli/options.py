"""Options of the commands, and a decorator that shows errors as a line of text."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
from dramatiq.middleware import MiddlewareError

from mail.wording import WordedError
from server.cli.database_faults import describe_fault
from server.cli.localised import option
from server.cli.terminal import _
from sync.connections import FAULTS as DATABASE_FAULTS

P = ParamSpec("P")
T = TypeVar("T")


def in_words(command: Callable[P, T]) -> Callable[P, T]:
    """`command`, whose errors end it with a line of text and exit code 1."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except WordedError as error:
            raise click.ClickException(error.phrase.words(_)) from error
        except MiddlewareError as error:  # the broker's library, in its own words
            raise click.ClickException(str(error)) from error
        except DATABASE_FAULTS as error:
            text = _("The database cannot be reached: %(error)s")
            raise click.ClickException(text % {"error": _(describe_fault(error))}) from error

    return guarded


def an_address(_context: click.Context, parameter: click.Parameter, host: str) -> str:
    """The address to listen on; a blank one would mean all addresses of the machine.

    :raises click.BadParameter: it is blank.
    """
    if not host.strip():
        raise click.BadParameter("blank", param=parameter)
    return host


data_option = option(
    "--data",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help=_("Folder that keeps everything."),
)
port_option = option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8000,
    show_default=True,
    help=_("Port to listen on; 0 takes a free one."),
)
host_option = option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    callback=an_address,
    help=_("Address to listen on."),
)
account_option = option(
    "--account", help=_("Which account, where there are several: its eight characters.")
)
