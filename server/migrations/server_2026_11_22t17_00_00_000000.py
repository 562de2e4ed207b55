"""The login directory is read by all and written by its accounts."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-22T17:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "each account writes its own lines of the login directory"

#: Whoever signs in names no account, so reading has no fence.
FENCE = """
ALTER TABLE login ENABLE ROW LEVEL SECURITY;
CREATE POLICY directory ON login FOR SELECT TO retour_api USING (true);
CREATE POLICY added_by_its_account ON login FOR INSERT TO retour_api
  WITH CHECK (account = current_setting('retour.account')::bigint);
CREATE POLICY changed_by_its_account ON login FOR UPDATE TO retour_api
  USING (account = current_setting('retour.account')::bigint)
  WITH CHECK (account = current_setting('retour.account')::bigint);
CREATE POLICY removed_by_its_account ON login FOR DELETE TO retour_api
  USING (account = current_setting('retour.account')::bigint);
"""


async def forwards() -> MigrationManager:
    """Let nobody write another account's lines."""
    return executing(ID, "server", DESCRIPTION, FENCE)
