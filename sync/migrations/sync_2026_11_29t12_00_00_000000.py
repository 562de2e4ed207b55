"""Ids are answered as their devices write them, upper case (Swift) or without hyphens."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T12:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "how a device writes the id of its transition, where that is another way than ours"

SPELLING = "ALTER TABLE verdict ADD COLUMN spelling text;"


async def forwards() -> MigrationManager:
    """Add the column; an id without one is written as it is stored."""
    return executing(ID, "sync", DESCRIPTION, SPELLING)
