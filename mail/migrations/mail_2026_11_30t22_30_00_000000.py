"""Uses say whose customer they reached, and are read by customer, and by contact and time.

Uses of before get the customer whom their invitation would ask now, by two look-ups each while the
table is written anew: an UPDATE of all rows would leave each of them twice. For 10^6 uses that is
about 20 s on two busy cores, in which the indexes of before are made anew too, and one second for
each of the two new ones. From the first statement on until all migrations are done nobody else
reads or writes uses (ACCESS EXCLUSIVE), and the disk holds the table twice. The columns of the
indexes do not change when a mail goes as planned, so a use is confirmed without writing any of
them.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T22:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "uses by customer, and by time"

COLUMN: Final = """
CREATE FUNCTION pg_temp.customer_of(account bigint, invitation uuid) RETURNS uuid
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN i.task IS NULL THEN i.customer ELSE (
    SELECT t.customer FROM public.task t WHERE (t.account, t.id) = (i.account, i.task)) END
  FROM public.invitation i WHERE (i.account, i.id) = ($1, $2)
$$;
ALTER TABLE contact_use ADD customer uuid;
ALTER TABLE contact_use
  ALTER customer TYPE uuid USING pg_temp.customer_of(account, invitation);
DROP FUNCTION pg_temp.customer_of;
"""

INDEXES: Final = """
CREATE INDEX contact_use_of_customer ON contact_use (account, customer, campaign, counted_from)
  WHERE customer IS NOT NULL;
CREATE INDEX contact_use_recent ON contact_use (account, contact, counted_from);
"""


async def forwards() -> MigrationManager:
    """Add the column, and the two orders in which uses are read."""
    return executing(ID, "mail", DESCRIPTION, COLUMN, INDEXES)
