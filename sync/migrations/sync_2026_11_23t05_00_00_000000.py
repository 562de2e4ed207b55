"""Pages of what was refused or is parked, by id, however much was accepted."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-23T05:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "an index for what is open, by id"

INDEX = """
CREATE INDEX verdict_open ON verdict (account, id) WHERE verdict <> 'accepted';
"""


async def forwards() -> MigrationManager:
    """Add the index."""
    return executing(ID, "sync", DESCRIPTION, INDEX)
