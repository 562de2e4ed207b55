"""Rounds of a task, which somebody opens for a return visit.

A new table, without rows: each task has its first round, which stands nowhere.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T19:21:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "rounds of a task, opened by somebody for a return visit"

TABLE: Final = """
CREATE TABLE task_round (
  account bigint NOT NULL,
  task uuid NOT NULL,
  round integer NOT NULL CHECK (round > 1),
  opened_at timestamptz NOT NULL,
  opened_by uuid,
  reason text NOT NULL,
  PRIMARY KEY (account, task, round),
  FOREIGN KEY (account, task) REFERENCES task,
  FOREIGN KEY (account, opened_by) REFERENCES app_user
);
SELECT retour_protect('task_round', 'SELECT, INSERT');
"""


async def forwards() -> MigrationManager:
    """Make the table."""
    return executing(ID, "mail", DESCRIPTION, TABLE)
