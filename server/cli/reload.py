"""`retour up --reload`: everything is started again when a file of the packages changes."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from server.cli.terminal import _

_ROOT: Final = Path(__file__).parents[2]
_PACKAGES: Final = ("rules", "sync", "mail", "server")
_SUFFIXES: Final = (
    ".py", ".html", ".css", ".js", ".json", ".po", ".mjml", ".txt", ".svg",
)  # fmt: skip
#: Seconds that a process has to end in order before it is killed.
_STOP_TIMEOUT: Final = 30


def run_reloading(arguments: Sequence[str]) -> None:
    """Run `retour up ARGUMENTS`, and run it anew after each change, until Ctrl-C.

    :raises click.ClickException: watchfiles, which only developers need, is not installed.
    """
    try:
        import watchfiles
    except ImportError:
        raise click.ClickException(_("--reload needs the packages of make install")) from None
    watchfiles.run_process(
        *(_ROOT / package for package in _PACKAGES),
        target=shlex.join([sys.executable, "-m", "server.cli", "up", *arguments]),
        target_type="command",
        watch_filter=lambda _change, path: path.endswith(_SUFFIXES),
        sigint_timeout=_STOP_TIMEOUT,
    )
