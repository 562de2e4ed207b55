"""What a push does to tasks costs a trip and an index less."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T23:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "a function that locks tasks and reads them; no index of missing external ids"

#: In one statement the read would see what the lock waited for as it was before.
#: Each statement of a function in PL/pgSQL sees what was committed when it begins.
#: The lock is of the task alone: joined with its type, one that is given another type meanwhile
#: would fall out of the answer. LIMIT keeps the planner from reading all of the account's
#: transitions to find a hundred.
LOCK = """
CREATE FUNCTION task_lock(of_account bigint, ids uuid[]) RETURNS TABLE (
  id uuid, type uuid, customer uuid, initial_state text, flow jsonb, step uuid, step_type uuid,
  state text, state_moment timestamptz, sequence bigint, received_at timestamptz, survey boolean,
  device uuid
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM FROM task WHERE account = of_account AND id = ANY(ids) ORDER BY id FOR UPDATE;
  RETURN QUERY
  SELECT t.id, t.type, t.customer, t.initial_state, y.flow, s.id, s.type, s.state, t.state_moment,
    s.sequence, s.received_at, s.survey, s.device
  FROM task t JOIN task_type y ON y.account = of_account AND y.id = t.type
  LEFT JOIN LATERAL (
    SELECT * FROM transition WHERE account = of_account AND id = t.state_transition LIMIT 1
  ) s ON true
  WHERE t.account = of_account AND t.id = ANY(ids);
END $$;
REVOKE EXECUTE ON FUNCTION task_lock(bigint, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION task_lock(bigint, uuid[]) TO retour_api, retour_worker;
"""

#: Each push writes its tasks' entries anew, in every index. Those of nothing are all equal, which
#: makes them dear.
SPARSE = """
ALTER TABLE task DROP CONSTRAINT task_account_external_id_key;
CREATE UNIQUE INDEX task_by_external_id ON task (account, external_id)
  WHERE external_id IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Add the function, make the index anew."""
    return executing(ID, "sync", DESCRIPTION, LOCK, SPARSE)
