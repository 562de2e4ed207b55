"""The dispatcher's list of what was refused or is parked, however much was accepted."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-22T22:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "an index for what was refused and what is parked, the last received first"

INDEX = """
CREATE INDEX verdict_open_by_reception ON verdict (account, verdict, received_at DESC, id DESC)
  WHERE verdict <> 'accepted';
"""


async def forwards() -> MigrationManager:
    """Add the index."""
    return executing(ID, "sync", DESCRIPTION, INDEX)
