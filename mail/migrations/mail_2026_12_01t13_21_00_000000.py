"""Tell the field of the surveys that were sent by hand already.

Devices get it when they pull with the newer version of the protocol, which brings all once more.
All invitations are read once, and only tasks with such a survey are written.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-12-01T13:21:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "devices know of surveys that were sent by hand"

#: As `planning.manual` writes it. The first round has no row.
SENT: Final = """
UPDATE task t SET sent_by_hand = s.campaigns
FROM (
  SELECT i.account, i.task, array_agg(i.campaign ORDER BY i.created_at, i.campaign) AS campaigns
  FROM invitation i
  WHERE i.manual AND i.round = 1 + (
    SELECT count(*) FROM task_round r WHERE (r.account, r.task) = (i.account, i.task))
  GROUP BY i.account, i.task
) s
WHERE (t.account, t.id) = (s.account, s.task)
"""


async def forwards() -> MigrationManager:
    """Write those of the current round to each task that has any."""
    return executing(ID, "mail", DESCRIPTION, SENT)
