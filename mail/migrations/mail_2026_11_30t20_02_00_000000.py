"""What people choose on the unsubscribe page: to leave one campaign, or to be asked once a quarter.

Both stand with the contact, whose row a release locks anyway, so that they cost no statement more
and survive the erasure of the address. Nobody has chosen anything so far. A decision says which
choice kept a survey back; nothing is read or written of the decisions that there are.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T20:02:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "campaigns that a contact left, and contacts that are asked once a quarter"

COLUMNS: Final = """
ALTER TABLE contact ADD left_campaigns uuid[], ADD quarterly_since timestamptz;
ALTER TABLE decision ADD detail text;
"""


async def forwards() -> MigrationManager:
    """Add the columns."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS)
