"""Refused transitions can be dismissed: kept, and settled without being accepted.

Existing rows stay as they are: none is dismissed. The columns and the check cost nothing, for no
row is read; the index reads the table once, about half a second for 10^6 transitions. Nobody reads
the table meanwhile, nor until all migrations are done.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T12:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "who dismissed a refused transition, when and why"

#: Not validated: the columns are new, so every existing row passes.
COLUMNS = """
ALTER TABLE transition
  ADD COLUMN dismissed_at timestamptz,
  ADD COLUMN dismissed_by uuid,
  ADD COLUMN dismissed_reason text,
  ADD CONSTRAINT transition_dismissed CHECK (
    CASE WHEN dismissed_at IS NULL THEN num_nonnulls(dismissed_by, dismissed_reason) = 0
      ELSE verdict = 'refused' AND dismissed_reason IS NOT NULL END) NOT VALID,
  ADD CONSTRAINT transition_dismissed_by_fkey
    FOREIGN KEY (account, dismissed_by) REFERENCES app_user NOT VALID;
"""

#: What dispatchers have to decide about; counted on each of their pages.
INDEX = """
CREATE INDEX transition_undecided ON transition (account, arrived_at DESC, id DESC)
  WHERE verdict = 'refused' AND dismissed_at IS NULL;
"""


async def forwards() -> MigrationManager:
    """Add the columns and the index."""
    return executing(ID, "sync", DESCRIPTION, COLUMNS, INDEX)
