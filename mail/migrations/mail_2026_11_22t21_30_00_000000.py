"""Tell the field of campaigns that are active already; mails that an operator vouches for."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-22T21:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "devices know which campaigns ask; what a restore makes doubtful is held"

#: As `campaigns.device_asks` writes it. Devices get it when they pull with the newer protocol.
ASKS = """
WITH asked AS (
  SELECT c.account, c.id, c.name, v.definition AS says, type::uuid AS task_type,
    jsonb_agg(DISTINCT state ORDER BY state) AS states
  FROM campaign c
  JOIN campaign_version v ON (v.account, v.campaign, v.version) = (c.account, c.id, c.version)
  CROSS JOIN jsonb_array_elements(v.definition -> 'rules') AS rule
  CROSS JOIN jsonb_array_elements_text(rule -> 'task_types') AS type
  CROSS JOIN jsonb_array_elements_text(rule -> 'states') AS state
  WHERE c.status = 'active'
  GROUP BY c.account, c.id, c.name, v.definition, type
), by_type AS (
  SELECT account, task_type, jsonb_agg(jsonb_build_object(
    'campaign', id, 'name', name, 'states', states, 'primary', says -> 'primary',
    'secondary', says -> 'secondary', 'may_untick', says -> 'opt_out_allowed')
    ORDER BY name, id) AS asks
  FROM asked GROUP BY account, task_type
)
UPDATE task_type t SET asks = b.asks
FROM by_type b WHERE (t.account, t.id) = (b.account, b.task_type)
"""

#: An operator's word that it may go although the database was restored after it was due.
VOUCHED = "ALTER TABLE outbox ADD COLUMN vouched boolean NOT NULL DEFAULT false"


async def forwards() -> MigrationManager:
    """Fill what is new from what is there."""
    return executing(ID, "mail", DESCRIPTION, ASKS, VOUCHED)
