"""The index of leased mails by their key, and none that nobody goes by."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-22T18:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "leased mails are found by their key, so that dead rows cost nothing"

#: By the end of the lease it was taken for every mark, and read all that was ever leased. Some
#: databases were made without the index by address.
INDEX = """
DROP INDEX IF EXISTS invitation_by_address;
DROP INDEX outbox_leased;
CREATE INDEX outbox_leased ON outbox (account, invitation) WHERE phase IN ('claimed', 'data');
"""


async def forwards() -> MigrationManager:
    """Exchange the one, drop the other."""
    return executing(ID, "mail", DESCRIPTION, INDEX)
