"""A contact knows on how many visits it was full, so that invitations need no index by address.

With that index every claim, which writes the address, made a new entry in each of the table's
indexes: a seventh of what PostgreSQL does for a mail.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T23:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the visits that found a mailbox full stand with its contact"

COUNTED = """
ALTER TABLE contact ADD COLUMN full_since timestamptz, ADD COLUMN full_visits uuid[],
  ADD CHECK ((full_since IS NULL) = (full_visits IS NULL));
CREATE INDEX contact_full ON contact (account, address) WHERE full_since IS NOT NULL;

UPDATE contact c SET full_since = found.since, full_visits = found.visits
FROM (
  SELECT i.account, i.address, min(e.happened_at) AS since, array_agg(DISTINCT i.task) AS visits
  FROM mail_event e
  JOIN invitation i ON (i.account, i.id) = (e.account, e.invitation)
  WHERE e.kind = 'full' AND e.happened_at > coalesce((
    SELECT max(sent_at) FROM invitation
    WHERE account = i.account AND address = i.address), '-infinity')
  GROUP BY i.account, i.address) found
WHERE (c.account, c.address) = (found.account, found.address);

DROP INDEX invitation_by_address;
"""


async def forwards() -> MigrationManager:
    """Count what events tell so far, and drop the index."""
    return executing(ID, "mail", DESCRIPTION, COUNTED)
