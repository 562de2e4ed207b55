"""A drop that may re-arm remembers the task's last transition, not when that one counted then."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T11:05:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "no moment and no sequence beside the transition of a drop"

COLUMNS = """
ALTER TABLE invitation DROP COLUMN rearm_moment, DROP COLUMN rearm_sequence;
"""


async def forwards() -> MigrationManager:
    """Drop the two columns: the history says where the transition stands."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS)
