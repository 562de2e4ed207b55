"""An invitation that was never claimed may be withdrawn with what happened to it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T14:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "what was ever claimed stands; what never was may be withdrawn, events and all"

#: Held and let go, it has events: withdrawing it failed on them, and its task was set aside.
CASCADE = """
ALTER TABLE mail_event DROP CONSTRAINT mail_event_account_invitation_fkey,
  ADD FOREIGN KEY (account, invitation) REFERENCES invitation ON DELETE CASCADE;
"""

#: Let go, those that had been claimed were called scheduled again.
STAND = """
UPDATE invitation i SET status = CASE WHEN o.resent THEN 'uncertain' ELSE 'claimed' END
FROM outbox o
WHERE (o.account, o.invitation) = (i.account, i.id)
  AND i.status = 'scheduled' AND i.address IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Let events go with their invitation, and give claims back their status."""
    return executing(ID, "mail", DESCRIPTION, CASCADE, STAND)
