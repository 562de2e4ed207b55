"""Limits the size of PostgreSQL's own log."""

import os
import shutil
from pathlib import Path
from typing import Final

from server.runtime.files import private

NAME: Final = "postgres.log"
#: Bytes of the log; the older log that is kept has as many.
LARGEST: Final = 10 * 1024 * 1024


def cut_log(folder: Path) -> None:
    """Rotate the log of a data folder where it is large, by copying and truncating it.

    It is not renamed, for PostgreSQL continues to write to the open file. What it writes between
    the copy and the truncation is lost.
    """
    log = folder / NAME
    if not log.exists() or log.stat().st_size < LARGEST:
        return
    with open(folder / f"{NAME}.1", "wb", opener=private) as older, log.open("rb") as grown:
        shutil.copyfileobj(grown, older)
    os.truncate(log, 0)
