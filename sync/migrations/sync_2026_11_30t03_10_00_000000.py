"""What was judged comes in rows, not in a column for each field."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T03:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "a type for the rows of transitions that were judged"

TYPE = """
CREATE TYPE judged_transition AS (
  id uuid,
  spelling text,
  digest bytea,
  verdict text,
  refusal text,
  pushed_task uuid,
  body jsonb,
  task uuid,
  state text,
  moment timestamptz,
  sequence bigint,
  device_moment timestamptz,
  received_at timestamptz,
  note text,
  survey boolean,
  survey_reason text,
  email text,
  unexpected boolean,
  counts_at timestamptz
);
"""


async def forwards() -> MigrationManager:
    """Make the type."""
    return executing(ID, "sync", DESCRIPTION, TYPE)
