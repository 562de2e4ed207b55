"""Calendars of accounts: quiet hours and holidays. Without a row nothing changes for an account."""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T19:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "quiet hours and holidays"

TABLE: Final = """
CREATE TABLE calendar (
  account bigint PRIMARY KEY REFERENCES account,
  body jsonb NOT NULL
);
SELECT retour_protect('calendar', 'SELECT, INSERT, UPDATE');
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    return executing(ID, "mail", DESCRIPTION, TABLE)
