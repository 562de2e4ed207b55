"""Ends what a killed `retour up` may leave: a postmaster, its children, a pid file."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from mail.wording import _
from server.postgres.binaries import EmbeddedError

#: Half a minute, twenty times a second.
POLLS: Final = 600


def end_leftovers(cluster: Path) -> None:
    """End a postmaster that outlived its parent, wait for its children, and delete its pid file.

    The number in that file may be another program's by now.

    :raises EmbeddedError: a process does not end.
    """
    if not sys.platform.startswith("linux"):
        return  # PostgreSQL itself refuses to start in a cluster that is in use
    leftovers = _inside(cluster)
    for _poll in range(POLLS):
        if not leftovers:
            break
        with suppress(FileNotFoundError, IndexError, ValueError, ProcessLookupError):
            postmaster = int((cluster / "postmaster.pid").read_text().split()[0])
            if postmaster in leftovers:  # its children end with it, or by themselves without it
                os.kill(postmaster, signal.SIGINT)
        time.sleep(0.05)
        leftovers = _inside(cluster)
    else:
        raise EmbeddedError(
            _("processes %(pids)s do not leave %(folder)s"),
            pids=", ".join(map(str, leftovers)),
            folder=cluster,
        )
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _inside(cluster: Path) -> list[int]:
    """The processes whose working directory is the cluster: those of PostgreSQL."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == cluster:
                found.append(int(link.parent.name))
        except OSError:  # it ended, or is another user's
            continue
    return found
