"""A session keeps the form that was sent after the one before had ended."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T12:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the form that a session keeps"

#: Sessions there are have none: a column without a default rewrites no row.
FORM = "ALTER TABLE session ADD COLUMN kept_form text;"


async def forwards() -> MigrationManager:
    """Add the column."""
    return executing(ID, "server", DESCRIPTION, FORM)
