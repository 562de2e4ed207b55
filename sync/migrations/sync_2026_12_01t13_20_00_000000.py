"""A task says of which campaigns a survey was sent by hand, so that no step is thought to ask.

The column is empty and no row is written. A migration of mail tells what was sent already.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-12-01T13:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "surveys of a task's current round that were sent by hand"

COLUMN: Final = "ALTER TABLE task ADD sent_by_hand uuid[]"


async def forwards() -> MigrationManager:
    """Add the column."""
    return executing(ID, "sync", DESCRIPTION, COLUMN)
