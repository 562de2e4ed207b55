"""Who asked for what happened to a mail, and where a further mail of a survey goes.

Existing rows have none of it: their mails were the first ones, whose address and Message-ID stand
in the invitation, and whose links belong to the address that the invitation uses. All columns are
null there, so that no row is written.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T20:21:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "surveys that are cancelled or sent again"

COLUMNS: Final = """
ALTER TABLE mail_event ADD by uuid, ADD address text,
  ADD CONSTRAINT mail_event_by_fkey
    FOREIGN KEY (account, by) REFERENCES app_user NOT VALID;
ALTER TABLE outbox ADD own_address text, ADD own_typed_address text, ADD own_message_id text,
  ADD CHECK (num_nulls(own_address, own_typed_address, own_message_id) IN (0, 3));
ALTER TABLE link ADD contact uuid,
  ADD CONSTRAINT link_contact_fkey FOREIGN KEY (account, contact) REFERENCES contact NOT VALID;
"""


async def forwards() -> MigrationManager:
    """Add the columns."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS)
