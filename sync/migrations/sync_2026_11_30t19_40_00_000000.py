"""Locations get the region whose holidays they have; that of the account where they say none.

Every row stays as it is, and none is written.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T19:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the region of a location"


async def forwards() -> MigrationManager:
    """Add the column."""
    return executing(ID, "sync", DESCRIPTION, "ALTER TABLE location ADD region text")
