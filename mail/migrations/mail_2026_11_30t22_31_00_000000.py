"""Caps of accounts: how many surveys an address gets in a period. Without a row there is none.

What waits for its release is found by the customer, in the order of release: of each invitation one
entry of an index more is written when it is planned, and none when it is sent. Making it takes
about two seconds for 10^6 invitations with a customer; from then on until all migrations are done
nobody else writes invitations, but they are read (SHARE).
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T22:31:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "caps of accounts, and what waits by customer"

TABLE: Final = """
CREATE TABLE survey_cap (
  account bigint PRIMARY KEY REFERENCES account,
  surveys smallint NOT NULL CHECK (surveys BETWEEN 1 AND 20),
  days smallint NOT NULL CHECK (days BETWEEN 1 AND 365)
);
SELECT retour_protect('survey_cap', 'SELECT, INSERT, UPDATE, DELETE');
"""

INDEX: Final = """
CREATE INDEX invitation_of_customer ON invitation (account, customer, release)
  WHERE customer IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Make the table and the index."""
    return executing(ID, "mail", DESCRIPTION, TABLE, INDEX)
