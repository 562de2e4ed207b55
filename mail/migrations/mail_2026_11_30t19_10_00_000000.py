"""Tell the field whom campaigns ask that are active already: any task, as before.

Devices get it when they pull with the newer version of the protocol, which brings all once more.
Only rows of task types are written: as many as there are types that a campaign asks about,
whatever the number of transitions.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T19:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "devices know which tasks campaigns ask about"

#: As `campaigns.device_asks` writes what asks about every task, whenever.
WHOM = """
UPDATE task_type y SET asks = (
  SELECT jsonb_agg(told.ask || '{"criteria": null, "sampled": false, "starts_at": null,
    "ends_at": null}' ORDER BY told.place)
  FROM jsonb_array_elements(y.asks) WITH ORDINALITY AS told(ask, place))
WHERE y.asks IS NOT NULL
"""


async def forwards() -> MigrationManager:
    """Add to what devices are told of each type that a campaign asks about."""
    return executing(ID, "mail", DESCRIPTION, WHOM)
