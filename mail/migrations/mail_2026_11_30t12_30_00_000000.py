"""Tell the field when campaigns ask that are active already.

Devices get it when they pull with the newer version of the protocol, which brings all once more.
Only rows of task types are written: as many as there are types that a campaign asks about,
whatever the number of transitions.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T12:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "devices know when campaigns ask"

#: As `campaigns.device_asks` writes it.
WHEN = """
UPDATE task_type t SET asks = b.asks
FROM (
  SELECT y.account, y.id, jsonb_agg(ask || jsonb_build_object(
    'delay', v.rules -> 'delay', 'mute', v.rules -> 'mute') ORDER BY place) AS asks
  FROM task_type y
  CROSS JOIN jsonb_array_elements(y.asks) WITH ORDINALITY AS told(ask, place)
  LEFT JOIN campaign c ON c.account = y.account AND c.id = (ask ->> 'campaign')::uuid
  LEFT JOIN campaign_version v
    ON (v.account, v.campaign, v.version) = (c.account, c.id, c.version)
  GROUP BY y.account, y.id
) b
WHERE (t.account, t.id) = (b.account, b.id)
"""


async def forwards() -> MigrationManager:
    """Add to what devices are told of each type that a campaign asks about."""
    return executing(ID, "mail", DESCRIPTION, WHEN)
