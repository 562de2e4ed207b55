"""The index of leased mails by their key."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.schema import executing

ID = "2026-11-22T18:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "leased mails are found by their key, so that dead rows cost nothing"

#: By the end of the lease it was taken for every mark, and read all that was ever leased.
INDEX = """
DROP INDEX outbox_leased;
CREATE INDEX outbox_leased ON outbox (account, invitation) WHERE phase IN ('claimed', 'data');
"""


async def forwards() -> MigrationManager:
    """Exchange the index."""
    return executing(ID, "mail", DESCRIPTION, INDEX)
