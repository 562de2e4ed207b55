"""Of an answer that was changed many times, what is between the first and the last goes."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T15:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "of an answer the first version and the last 19 are kept"

PRUNING = """
GRANT DELETE ON answer_version TO retour_api, retour_worker;
DELETE FROM answer_version v USING (
  SELECT account, invitation, max(version) AS last FROM answer_version
  GROUP BY account, invitation HAVING max(version) > 20) a
WHERE v.account = a.account AND v.invitation = a.invitation
  AND v.version > 1 AND v.version <= a.last - 19;
"""


async def forwards() -> MigrationManager:
    """Let the running roles take versions away, and take away those that are too many already."""
    return executing(ID, "mail", DESCRIPTION, PRUNING)
