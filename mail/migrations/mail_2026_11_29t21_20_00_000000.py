"""A campaign's rules and its content are read by different people, so they are stored apart."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T21:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "rules apart from content, and what an answer says on the whole"

#: Frozen on the answer, so that no statement reads into what campaigns say. Positive: 4 and 5.
SENTIMENT = """
ALTER TABLE answer ADD COLUMN sentiment text;
UPDATE answer a SET sentiment = CASE
    WHEN a.rating <= coalesce((v.definition ->> 'negative_at')::integer, 2) THEN 'negative'
    WHEN a.rating >= 4 THEN 'positive' ELSE 'neutral' END
FROM invitation i
JOIN campaign_version v
  ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
WHERE (i.account, i.id) = (a.account, a.invitation) AND a.rating IS NOT NULL;
ALTER TABLE answer
  ADD CHECK (sentiment IN ('negative', 'neutral', 'positive')),
  ADD CHECK ((sentiment IS NULL) = (rating IS NULL));
"""

PARTS = """
ALTER TABLE campaign_version ADD COLUMN rules jsonb, ADD COLUMN content jsonb;
UPDATE campaign_version SET
  rules = definition - ARRAY['question', 'message', 'negative_at', 'reasons', 'information',
    'privacy_url'],
  content = definition - ARRAY['rules', 'delay', 'mute', 'primary', 'secondary', 'deadline_days',
    'stale_days', 'opt_out_allowed'];
ALTER TABLE campaign_version
  ALTER COLUMN rules SET NOT NULL, ALTER COLUMN content SET NOT NULL, DROP COLUMN definition;
"""


async def forwards() -> MigrationManager:
    """Tell the parts apart; together they say what they said."""
    return executing(ID, "mail", DESCRIPTION, SENTIMENT, PARTS)
