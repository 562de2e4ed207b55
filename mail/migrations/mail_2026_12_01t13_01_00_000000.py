"""Tell the field of the rounds that are open already.

Devices get it when they pull with the newer version of the protocol, which brings all once more.
Only tasks of which a second round was opened are written, whatever the number of transitions.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-12-01T13:01:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "devices know when the current round of a task was opened"

#: As `planning.rounds` writes it.
OPENED: Final = """
UPDATE task t SET round_opened_at = r.opened_at
FROM (
  SELECT account, task, max(opened_at) AS opened_at FROM task_round GROUP BY account, task
) r
WHERE (t.account, t.id) = (r.account, r.task)
"""


async def forwards() -> MigrationManager:
    """Write the last opening to each task that has one."""
    return executing(ID, "mail", DESCRIPTION, OPENED)
