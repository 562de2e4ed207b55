"""What an address was sent, and what became of it, is found by the address."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T22:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "an index of invitations by address, for mailboxes that stay full"

INDEX = """
CREATE INDEX invitation_by_address ON invitation (account, address) WHERE address IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Add the index."""
    return executing(ID, "mail", DESCRIPTION, INDEX)
