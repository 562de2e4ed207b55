"""An index for held mails, which the list of what is to be sent shows with those that wait.

Only held mails are in it, so that it costs nothing while mails are sent.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T20:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "held mails are listed by release"

INDEX: Final = """
CREATE INDEX outbox_held ON outbox (account, release, invitation) WHERE phase = 'held';
"""


async def forwards() -> MigrationManager:
    """Make the index."""
    return executing(ID, "mail", DESCRIPTION, INDEX)
