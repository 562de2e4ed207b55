"""What the migrations of the three apps share: plain SQL, and one way to fence a table.

Migrations are written in SQL because keys are composite (account first) and rows are fenced by
policies, neither of which Piccolo's own migration language can say. `make check` compares what
they build with the Piccolo tables.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.database import DB

#: Group roles that own nothing. Each database has login roles of its own that belong to them.
API_ROLE: Final = "retour_api"
WORKER_ROLE: Final = "retour_worker"

#: Run before any migration. A forgotten scope is an error: an emptied setting is no bigint.
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


class NoTransactionError(RuntimeError):
    """A migration was run on its own; `server.provision` runs them."""


async def execute_script(script: str) -> None:
    """Run a text of several SQL statements inside Piccolo's open transaction."""
    transaction = DB.current_transaction.get()
    if transaction is None:
        raise NoTransactionError("a migration runs inside a transaction")
    await transaction.connection.execute(script)


def executing(migration_id: str, app: str, description: str, *scripts: str) -> MigrationManager:
    """A Piccolo migration that runs `scripts`, each a text of SQL statements, in order."""
    manager = MigrationManager(migration_id=migration_id, app_name=app, description=description)

    async def run() -> None:
        for script in scripts:
            await execute_script(script)

    manager.add_raw(run)
    return manager
