"""Tasks of a location are read in the order of their ids, chunk by chunk.

The index of before is dropped and made anew with the id in it: about two seconds for 10^6 tasks
that have a location. From then on until all migrations are done nobody else reads or writes tasks.
Each task that a push writes takes the 16 bytes of its id more.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-12-01T00:04:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "tasks of a location in order"

INDEX: Final = """
DROP INDEX task_by_location;
CREATE INDEX task_by_location ON task (account, location, id) WHERE location IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Make the index anew."""
    return executing(ID, "sync", DESCRIPTION, INDEX)
