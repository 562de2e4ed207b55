"""What is in the queue has a purpose: a reminder is of an invitation that was sent before."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T01:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the purpose of what is in the queue"

PURPOSE = """
ALTER TABLE outbox ADD purpose text NOT NULL DEFAULT 'first'
  CHECK (purpose IN ('first', 'reminder', 'resend'));
ALTER TABLE outbox ALTER purpose DROP DEFAULT;
"""


async def forwards() -> MigrationManager:
    """Whatever waits is the first mail of its invitation, or its second copy."""
    return executing(ID, "mail", DESCRIPTION, PURPOSE)
