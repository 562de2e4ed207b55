"""What the field sees before and after it pushes: who is asked, what was settled, what moved."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-22T21:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "surveys of a type, verdicts that changed, the console's transitions, restores"

COLUMNS = """
ALTER TABLE task_type ADD COLUMN asks jsonb;
ALTER TABLE transition
  ADD COLUMN survey_reason text,
  ADD COLUMN by uuid,
  ADD FOREIGN KEY (account, by) REFERENCES app_user;
ALTER TABLE verdict
  ADD COLUMN settled_at timestamptz,
  ADD COLUMN settled_by uuid,
  ADD FOREIGN KEY (account, settled_by) REFERENCES app_user;
ALTER TABLE account ADD COLUMN restored_at timestamptz;
ALTER TABLE feed
  DROP CONSTRAINT feed_kind_check,
  ADD CONSTRAINT feed_kind_check
    CHECK (kind IN ('task', 'customer', 'location', 'task_type', 'state', 'verdict'));
"""

#: Of all accounts asked for, without their scope: numbers that say nothing but "moved".
HEADS = """
CREATE FUNCTION feed_heads(accounts bigint[])
RETURNS TABLE (account bigint, epoch bigint, "position" bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT h.account, h.epoch, h.position FROM feed_head h WHERE h.account = ANY(accounts)
$$;
REVOKE EXECUTE ON FUNCTION feed_heads(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION feed_heads(bigint[]) TO retour_api;
"""


async def forwards() -> MigrationManager:
    """Add the columns and the function; nothing stored changes its meaning."""
    return executing(ID, "sync", DESCRIPTION, COLUMNS, HEADS)
