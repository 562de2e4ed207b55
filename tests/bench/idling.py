"""What `retour up` costs when nobody uses it: its processor time, PostgreSQL's included."""

import time
from pathlib import Path
from typing import Final

import psutil

from tests.bench.measuring import Line
from tests.support.processes import Fleet, Retour, free_port, until

#: Seconds between the demonstration's being ready and the measurement, and of the measurement.
REST: Final = 60.0
SPAN: Final = 60.0
#: Percent of one core.
TARGET: Final = 1.5


def measure(fleet: Fleet, folder: Path) -> list[Line]:
    """A line about the demonstration, left alone."""
    data = folder / "idle"
    up = Retour(fleet, "up", "--data", str(data), "--port", str(free_port()), settings={})
    until((data / "demo.json").exists, "the demonstration is ready")
    time.sleep(REST)
    begun, before = time.monotonic(), processor_time(up.process.pid)
    time.sleep(SPAN)
    used, span = processor_time(up.process.pid) - before, time.monotonic() - begun
    up.end()
    percent = 100 * used / span
    what = f"idle, retour up for {SPAN:.0f} s"
    return [Line(what, f"{percent:.2f} % of a core", "", percent, TARGET, at_least=False)]


def processor_time(pid: int) -> float:
    """Seconds that a process, its children and those of them that have ended have used so far."""
    root = psutil.Process(pid)
    return sum(sum(one.cpu_times()[:4]) for one in (root, *root.children(recursive=True)))
