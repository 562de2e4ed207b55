"""A task says when its current round was opened, so that devices know which steps count for it.

The column is empty and no row is written. A migration of mail tells rounds that are open already.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-12-01T13:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "when the current round of a task was opened"

COLUMN: Final = "ALTER TABLE task ADD round_opened_at timestamptz"


async def forwards() -> MigrationManager:
    """Add the column."""
    return executing(ID, "sync", DESCRIPTION, COLUMN)
