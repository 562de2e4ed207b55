"""Questions that an account keeps for its campaigns. The table is made; no row changes."""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-12-01T13:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the question bank"

TABLE: Final = """
CREATE TABLE bank_question (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  category text NOT NULL CHECK (category ~ '^[a-z0-9_]{1,40}$'),
  question jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  archived_at timestamptz,
  PRIMARY KEY (account, id)
);
SELECT retour_protect('bank_question', 'SELECT, INSERT, UPDATE');
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    return executing(ID, "mail", DESCRIPTION, TABLE)
