"""The switch that stops all sending of an account: one row for each time that it was off.

A new table, without rows: no account's sending is stopped.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T19:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "a switch that stops all sending of an account"

TABLE: Final = """
CREATE TABLE sending_pause (
  account bigint NOT NULL REFERENCES account,
  start_at timestamptz NOT NULL,
  end_at timestamptz CHECK (end_at >= start_at),
  paused_by uuid,
  reason text NOT NULL,
  PRIMARY KEY (account, start_at),
  FOREIGN KEY (account, paused_by) REFERENCES app_user
);
CREATE UNIQUE INDEX sending_pause_open ON sending_pause (account) WHERE end_at IS NULL;
SELECT retour_protect('sending_pause', 'SELECT, INSERT, UPDATE');
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    return executing(ID, "mail", DESCRIPTION, TABLE)
