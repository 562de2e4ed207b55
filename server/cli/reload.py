"""`retour up --reload`: everything is started again when a file of the packages changes."""

import os
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from server.cli.terminal import _

_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("rules", "sync", "mail", "server")
#: Seconds that a process has to end in order before it is killed.
_STOP_TIMEOUT: Final = 30


def run_reloading(arguments: Sequence[str]) -> None:
    """Become the watcher that runs `retour up ARGUMENTS`, and runs it anew after each change.

    :raises click.ClickException: watchfiles, which only developers need, is not installed.
    """
    if find_spec("watchfiles") is None:
        raise click.ClickException(_("--reload needs the packages of make install"))
    target = shlex.join([sys.executable, "-m", "server.cli", "up", *arguments])
    watcher = [sys.executable, "-m", "watchfiles", "--sigint-timeout", str(_STOP_TIMEOUT)]
    folders = [str(_ROOT / package) for package in _PACKAGES]
    os.execv(sys.executable, [*watcher, target, *folders])  # noqa: S606 - our own words
