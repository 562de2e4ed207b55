"""What the migrations of the three apps share: running SQL, and row-level security for a table.

Migrations are SQL because keys are composite (account first) and rows are protected by policies,
neither of which Piccolo's migrations can express. `make check` compares what they build with the
Piccolo tables.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.database import DB

#: Group roles that own nothing. The login roles of each database are members of them.
API_ROLE: Final = "retour_api"
WORKER_ROLE: Final = "retour_worker"

#: Run before any migration. Without a scope a query fails, because an empty setting is no bigint.
FENCES: Final = """
CREATE OR REPLACE FUNCTION retour_protect(name text, rights text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY one_account ON %I TO retour_api, retour_worker
    USING (account = current_setting(''retour.account'')::bigint)
    WITH CHECK (account = current_setting(''retour.account'')::bigint)', name);
  EXECUTE format('GRANT %s ON %I TO retour_api, retour_worker', rights, name);
END $$;

CREATE OR REPLACE FUNCTION retour_protect_queue(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
  EXECUTE format('CREATE POLICY one_account ON %I TO retour_api
    USING (account = current_setting(''retour.account'')::bigint)
    WITH CHECK (account = current_setting(''retour.account'')::bigint)', name);
  EXECUTE format('CREATE POLICY all_accounts ON %I TO retour_worker
    USING (true) WITH CHECK (true)', name);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO retour_api, retour_worker', name);
END $$;
REVOKE EXECUTE ON FUNCTION retour_protect(text, text), retour_protect_queue(text) FROM PUBLIC;
"""

#: Run after all migrations. Every index begins with the account. The planner would take an account
#: that statistics do not know yet, or knew when it was small, for empty, and a scan of all its rows
#: for as cheap as a lookup. So statistics say that each account has all rows of a table. Before
#: PostgreSQL 18 that holds from the next ANALYZE on, and not for an account among the most common.
EXPECTATIONS: Final = """
DO $$
DECLARE
  fenced text;
BEGIN
  FOREACH fenced IN ARRAY ARRAY(
    SELECT c.relname::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE p.polname = 'one_account' AND CASE
      WHEN current_setting('server_version_num')::integer < 180000 THEN NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'account'
          AND a.attoptions @> '{n_distinct=1}')
      ELSE NOT EXISTS (
        SELECT FROM pg_stats s WHERE s.schemaname = 'public' AND s.tablename = c.relname
          AND s.attname = 'account' AND s.n_distinct = 1 AND s.most_common_vals IS NULL) END)
  LOOP
    IF current_setting('server_version_num')::integer < 180000 THEN
      EXECUTE format('ALTER TABLE %I ALTER COLUMN account SET (n_distinct = 1)', fenced);
    ELSE
      EXECUTE format('ALTER TABLE %I ALTER COLUMN account SET STATISTICS 0', fenced);
      PERFORM pg_clear_attribute_stats('public', fenced, 'account', false);
      PERFORM pg_restore_attribute_stats('schemaname', 'public', 'relname', fenced,
        'attname', 'account', 'inherited', false, 'null_frac', 0::real, 'avg_width', 8,
        'n_distinct', 1::real);
    END IF;
  END LOOP;
END $$;
"""


class NoTransactionError(RuntimeError):
    """A migration ran outside a transaction; `server.provisioning.provision` opens one."""


async def execute_script(script: str) -> None:
    """Run a text of several SQL statements inside Piccolo's open transaction.

    :raises NoTransactionError: there is none.
    """
    transaction = DB.current_transaction.get()
    if transaction is None:
        raise NoTransactionError("a migration runs inside a transaction")
    await transaction.connection.execute(script)


def executing(migration_id: str, app: str, description: str, *scripts: str) -> MigrationManager:
    """Return a Piccolo migration that runs `scripts` in order, each a text of SQL statements."""
    manager = MigrationManager(migration_id=migration_id, app_name=app, description=description)

    async def run() -> None:
        for script in scripts:
            await execute_script(script)

    manager.add_raw(run)
    return manager
