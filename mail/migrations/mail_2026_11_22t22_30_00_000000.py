"""When an operator vouched for a mail: a word of before a restore says nothing after it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-22T22:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "when an operator let a held mail go"

ADD = "ALTER TABLE outbox ADD COLUMN vouched_at timestamptz"
KEEP = "UPDATE outbox SET vouched_at = retour_now() WHERE vouched"
DROP = "ALTER TABLE outbox DROP COLUMN vouched"


async def forwards() -> MigrationManager:
    """Keep the words that were given; when is not known, so they count as given now."""
    return executing(ID, "mail", DESCRIPTION, ADD, KEEP, DROP)
