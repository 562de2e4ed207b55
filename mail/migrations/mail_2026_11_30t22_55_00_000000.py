"""From which address an answer came, where the survey was sent to another one, too.

Existing answers have null, as those from the address that the first mail went to: no row is
written.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T22:55:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "who of several answered"

COLUMN: Final = """
ALTER TABLE answer ADD contact uuid,
  ADD CONSTRAINT answer_contact_fkey FOREIGN KEY (account, contact) REFERENCES contact NOT VALID;
"""


async def forwards() -> MigrationManager:
    """Add the column."""
    return executing(ID, "mail", DESCRIPTION, COLUMN)
