"""Who changed what, for good."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T19:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the record of changes"

#: By time, and by what was changed. No foreign key: the policy holds each row to the account whose
#: scope is open, and 500 look-ups would cost a tenth of what writing 500 customers does.
TABLE = """
CREATE TABLE audit (
  account bigint NOT NULL,
  at timestamptz NOT NULL,
  id uuid NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  object text NOT NULL,
  before jsonb,
  after jsonb,
  PRIMARY KEY (account, at, id)
);
CREATE INDEX audit_object ON audit (account, object, at, id);
"""

#: Nobody changes it who runs: what is written stands.
RIGHTS = "SELECT retour_protect('audit', 'SELECT, INSERT');"


async def forwards() -> MigrationManager:
    """Add the table, which the running roles read and add to."""
    return executing(ID, "sync", DESCRIPTION, TABLE, RIGHTS)
