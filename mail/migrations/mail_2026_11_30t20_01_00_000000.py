"""Who an account's mails come from by law, and which domains of addresses are its own.

A new table: accounts have no row until somebody fills it in. Campaigns that are active go on
without one; none is activated without it.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T20:01:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the sender of an account's mails, and its own domains"

TABLE: Final = """
CREATE TABLE sender_identity (
  account bigint PRIMARY KEY REFERENCES account,
  legal_name text NOT NULL,
  postal_address text NOT NULL,
  phone text NOT NULL,
  email text NOT NULL,
  url text NOT NULL,
  domains text[] NOT NULL
);
SELECT retour_protect('sender_identity', 'SELECT, INSERT, UPDATE');
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    return executing(ID, "mail", DESCRIPTION, TABLE)
