"""Addresses whose mailbox stays full."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T21:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "an address may count as empty because its mailbox stays full"

REASONS = """
ALTER TABLE contact DROP CONSTRAINT contact_suppressed_check, ADD CONSTRAINT
  contact_suppressed_check CHECK (suppressed IN ('unsubscribed', 'bounced', 'full'));
"""


async def forwards() -> MigrationManager:
    """Let an address be suppressed as full."""
    return executing(ID, "mail", DESCRIPTION, REASONS)
