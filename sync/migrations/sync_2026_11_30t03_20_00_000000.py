"""Tasks are locked so that nobody waits who only refers to one."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T03:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the function that locks tasks keeps their keys free for others to refer to"

#: Nothing of ours changes a task's key. See `task_lock` of 2026-11-29 for why it is a function.
LOCK = """
CREATE OR REPLACE FUNCTION task_lock(of_account bigint, ids uuid[]) RETURNS TABLE (
  id uuid, type uuid, customer uuid, initial_state text, flow jsonb, step uuid, step_type uuid,
  state text, state_moment timestamptz, sequence bigint, received_at timestamptz, survey boolean,
  device uuid
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  PERFORM FROM task WHERE account = of_account AND id = ANY(ids) ORDER BY id FOR NO KEY UPDATE;
  RETURN QUERY
  SELECT t.id, t.type, t.customer, t.initial_state, y.flow, s.id, s.type, s.state, t.state_moment,
    s.sequence, s.received_at, s.survey, s.device
  FROM task t JOIN task_type y ON y.account = of_account AND y.id = t.type
  LEFT JOIN LATERAL (
    SELECT * FROM transition WHERE account = of_account AND id = t.state_transition LIMIT 1
  ) s ON true
  WHERE t.account = of_account AND t.id = ANY(ids);
END $$;
"""


async def forwards() -> MigrationManager:
    """Replace the function."""
    return executing(ID, "sync", DESCRIPTION, LOCK)
