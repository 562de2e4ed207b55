"""What a killed `retour up` may leave behind: a postmaster, its children, a pid file."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from server.postgres.binaries import EmbeddedError

#: Half a minute, twenty times a second.
POLLS: Final = 600


def end_leftovers(cluster: Path) -> None:
    """End a postmaster that outlived its parent, and see its children out.

    Then a pid file says nothing: its number may be another program's by now.
    """
    if not sys.platform.startswith("linux"):
        return  # PostgreSQL itself refuses to start beside a live one
    leftovers = _inside(cluster)
    for _ in range(POLLS):
        if not leftovers:
            break
        _interrupt_postmaster(cluster, leftovers)
        time.sleep(0.05)
        leftovers = _inside(cluster)
    else:
        raise EmbeddedError(f"processes {leftovers} do not leave {cluster}")
    (cluster / "postmaster.pid").unlink(missing_ok=True)


def _inside(cluster: Path) -> list[int]:
    """The processes that work in the cluster: PostgreSQL's all do, and nobody else does."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == cluster:
                found.append(int(link.parent.name))
        except OSError:  # it ended, or is another user's
            continue
    return found


def _interrupt_postmaster(cluster: Path, leftovers: list[int]) -> None:
    """Its children end with it, and by themselves when it is gone."""
    try:
        pid = int((cluster / "postmaster.pid").read_text().split()[0])
        if pid in leftovers:
            os.kill(pid, signal.SIGINT)
    except (FileNotFoundError, IndexError, ValueError, ProcessLookupError):
        return
