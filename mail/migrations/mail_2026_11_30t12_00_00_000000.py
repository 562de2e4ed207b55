"""Follow-ups get a note and a kind for surveys that reached somebody else; contacts what stood.

Every row stays. An answer whose visit was somebody else's opens a follow-up of the new kind, as it
would today. Who unsubscribed before this is known for that alone: if such a person comes back and
the address had bounced, one mail is tried and bounces again.

`answer` is read as a whole, and `follow_up`, which has a few rows in a hundred answers.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T12:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "notes on follow-ups, disputed answers, and the way back of a contact"

COLUMNS: Final = """
ALTER TABLE follow_up ADD note text,
  DROP CONSTRAINT follow_up_kind_check,
  ADD CHECK (kind IN ('call_back', 'negative', 'disputed')),
  ADD CHECK (note IS NULL OR status = 'closed');
ALTER TABLE contact ADD suppressed_before text;
"""

FILL: Final = """
INSERT INTO follow_up (account, id, invitation, kind, opened_at, status)
SELECT account, gen_random_uuid(), invitation, 'disputed', answered_at, 'open'
FROM answer WHERE not_me ORDER BY account, answered_at, invitation;
"""

#: The lists: what is open, by kind, the oldest first; and what was handled, the last first.
INDEXES: Final = """
DROP INDEX follow_up_undone;
CREATE INDEX follow_up_undone ON follow_up (account, kind, opened_at, id) WHERE status <> 'closed';
CREATE INDEX follow_up_handled ON follow_up (account, closed_at, id) WHERE closed_by IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Widen both tables, and open what disputed answers ask for."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS, FILL, INDEXES)
