"""Suppressions say where they come from, and are listed and searched by address.

What stands so far came by the link of a mail, or by a server's refusal. `contact` is read once and
its suppressed rows, a few in a hundred addresses, are written; the indexes hold those alone. The
addresses' index is in byte order: their beginnings are ranges, which row-level security lets an
index answer.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T20:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the source of a suppression, complaints, and the list of suppressions"

COLUMNS: Final = """
ALTER TABLE contact ADD suppressed_source text, ADD source_before text,
  DROP CONSTRAINT contact_suppressed_check,
  ADD CHECK (suppressed IN ('unsubscribed', 'bounced', 'full', 'complaint')),
  ADD CHECK (suppressed_source IN ('link', 'refusal', 'import', 'staff')),
  ADD CHECK (source_before IN ('link', 'refusal', 'import', 'staff'));
UPDATE contact SET
  suppressed_source = CASE suppressed WHEN 'unsubscribed' THEN 'link' ELSE 'refusal' END,
  source_before = CASE WHEN suppressed_before IS NOT NULL THEN 'refusal' END
WHERE suppressed IS NOT NULL;
"""

INDEXES: Final = """
CREATE INDEX contact_suppressed ON contact (account, suppressed_at, id)
  WHERE suppressed IS NOT NULL;
CREATE INDEX contact_suppressed_address ON contact (account, (address COLLATE "C"))
  WHERE suppressed IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Add the columns, fill them, and index what is suppressed."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS, INDEXES)
