"""Decisions that found no address are listed, the newest first.

The index reads the decisions once and holds only those of that outcome, a few in a hundred.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T20:03:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the list of completions without an address"

INDEX = """
CREATE INDEX decision_without_address ON decision (account, decided_at, transition)
  WHERE outcome = 'no_address';
"""


async def forwards() -> MigrationManager:
    """Index them."""
    return executing(ID, "mail", DESCRIPTION, INDEX)
