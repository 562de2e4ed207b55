"""How many times each fault is tried: 5 for everyday, 200 by `make faults`."""

import os
from typing import Final

TRIALS: Final = int(os.environ.get("RETOUR_FAULT_TRIALS", "5"))
