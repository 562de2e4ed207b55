"""`python -m tests.upgrade`: this version takes over a database of the one that landed.

Options: `--transitions N` (a million) and `--from COMMIT` (one with the schema of `landed.sql`).
On a cluster of its own the landed code makes the demonstration; an account of N transitions is
filled, and people and devices live a day in both. A copy is migrated. Rows of both are compared one
by one, and both versions are asked the same. Says what the migrations cost and what differs; exits
1 if anything does.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from server.postgres import Embedded
from tests.upgrade.report import exit_code, table, told
from tests.upgrade.upgrading import Pair, Size, compare, upgraded
from tests.upgrade.versions import LANDED, code_of


def cost(pair: Pair) -> str:
    """What the migrations took, as text."""
    rows = [(one.app, one.name, f"{one.seconds:.2f}", one.what) for one in pair.migrated]
    locks = [(one.table, one.mode, f"{one.seconds:.2f}", one.stops) for one in pair.held]
    return "\n".join(
        [
            f"from the start to the first answer: {pair.seconds:.1f} s",
            table(("app", "migration", "seconds", "what"), rows),
            table(("locked table", "strongest lock", "seconds", "makes wait"), locks),
        ]
    )


def main() -> int:
    """Compare; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade")
    parser.add_argument("--transitions", type=int, default=1_000_000)
    parser.add_argument("--from", dest="commit", default=LANDED)
    chosen = parser.parse_args()
    size = Size(transitions=chosen.transitions, sample=1000, pages=200)
    with (
        tempfile.TemporaryDirectory(prefix="retour-upgrade-") as folder,
        code_of(chosen.commit) as code,
    ):
        place = Path(folder)
        place.chmod(0o755)
        (place / "logs").mkdir()
        embedded = Embedded(place / "data")
        try:
            with upgraded(embedded.start().dsn, code, place / "logs", size) as pair:
                sys.stdout.write(f"{cost(pair)}\n")
                sys.stdout.flush()
                found = compare(pair, size)
        finally:
            embedded.stop()
    sys.stdout.write(f"{told(found)}\n")
    return exit_code(found)


if __name__ == "__main__":
    sys.exit(main())
