"""Pages keep room for what a mail adds to the rows that were planned for it.

An invitation gets its address, language and Message-ID at its claim and says later that it was
sent; a use of a contact is confirmed. None of that is in an index, so with room on its page a row
is written without any.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T04:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "room for what sending adds to invitations and uses"

#: Planned, an invitation is about 200 bytes, and sent about 330.
ROOM = """
ALTER TABLE invitation SET (fillfactor = 50);
ALTER TABLE contact_use SET (fillfactor = 60);
"""


async def forwards() -> MigrationManager:
    """Of pages that are written from now on."""
    return executing(ID, "mail", DESCRIPTION, ROOM)
