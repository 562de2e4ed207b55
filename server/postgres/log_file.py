"""PostgreSQL's own log, kept from filling the disk."""

import os
import shutil
from pathlib import Path
from typing import Final

from server.runtime.files import private

NAME: Final = "postgres.log"
#: Bytes of it; as many again are kept of the one before.
LARGEST: Final = 10 * 1024 * 1024


def cut_log(folder: Path) -> None:
    """Begin the log of the data folder anew where it has grown large, and keep what it said.

    Copied and cut, not renamed: PostgreSQL goes on writing to the end of the open file. What it
    writes between the copy and the cut is lost.
    """
    log = folder / NAME
    if not log.exists() or log.stat().st_size < LARGEST:
        return
    with open(folder / f"{NAME}.1", "wb", opener=private) as older, log.open("rb") as grown:
        shutil.copyfileobj(grown, older)
    os.truncate(log, 0)
