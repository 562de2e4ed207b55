"""Surveys that users send by hand: who asked for it and why, and whether limits are waived.

Of the surveys there are none was sent by hand. No row is written: columns without a value, or with
a constant one. The new key of `decision` is checked by reading its rows once.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T19:22:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "surveys that users send by hand"

COLUMNS: Final = """
ALTER TABLE invitation ADD limits_waived boolean NOT NULL DEFAULT false,
  ADD CHECK (manual OR NOT limits_waived);
ALTER TABLE decision ADD requested_by uuid, ADD request_reason text,
  ADD FOREIGN KEY (account, requested_by) REFERENCES app_user;
"""


async def forwards() -> MigrationManager:
    """Add the columns."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS)
