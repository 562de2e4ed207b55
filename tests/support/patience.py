"""How long "soon" is, on a machine that others use as well."""

import os


def soon(seconds: float = 1.0) -> float:
    """`seconds`, and as many times that as there are processes for each processor.

    It tells what is kept waiting, for as long as something else takes, from what is only slow.
    """
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
