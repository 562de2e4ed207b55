"""Tell the field which time the delays of campaigns count: all that passes, as until now.

Devices take a missing field for that, so no feed changes. Only rows of task types are written: as
many as there are types that a campaign asks about, whatever the number of transitions.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T19:41:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "which time the delays of campaigns count"

#: As `campaigns.device_asks` writes it.
ELAPSED: Final = """
UPDATE task_type SET asks = (
  SELECT jsonb_agg(ask || '{"delay_in": "elapsed"}' ORDER BY place)
  FROM jsonb_array_elements(asks) WITH ORDINALITY AS told(ask, place))
WHERE asks IS NOT NULL
"""


async def forwards() -> MigrationManager:
    """Add it to what devices are told of each type that a campaign asks about."""
    return executing(ID, "mail", DESCRIPTION, ELAPSED)
