"""When a device was last heard of."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T12:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "when a device last used its credential"

#: Of devices there are it is not known until they come again: a column without a default rewrites
#: no row.
SEEN = "ALTER TABLE device ADD COLUMN last_seen_at timestamptz;"


async def forwards() -> MigrationManager:
    """Add the column."""
    return executing(ID, "sync", DESCRIPTION, SEEN)
