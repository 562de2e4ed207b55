"""Reminders: how many of a survey were sent, and where those that wait go.

Existing surveys were reminded of by none; the new column has a default, so that no row is written.
The index holds reminders that wait, of which there are none yet.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T22:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "surveys that are not answered are asked about once more"

COLUMNS: Final = """
ALTER TABLE invitation ADD reminders_used smallint NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD CHECK (purpose <> 'reminder' OR own_address IS NOT NULL);
CREATE INDEX outbox_reminders ON outbox (account, own_address) WHERE purpose = 'reminder';
"""


async def forwards() -> MigrationManager:
    """Add the column, what reminders have, and the index by which an address finds its own."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS)
