"""How many times each fault is tried: 5 for everyday, 200 by `make faults`."""

import os
from collections.abc import Sized
from typing import Final

TRIALS: Final = int(os.environ.get("RETOUR_FAULT_TRIALS", "5"))
#: Whether `make faults` runs, which may take long.
THOROUGH: Final = "RETOUR_FAULT_TRIALS" in os.environ


def trials_of(kinds: Sized) -> range:
    """The trials of a fault that is tried in several ways in turn: each of them at least once."""
    return range(max(TRIALS, len(kinds)))
