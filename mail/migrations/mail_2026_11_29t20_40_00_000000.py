"""Breakers of senders, and invitations that were refused for the sender's sake."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T20:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "what a sender is refused opens a breaker, or ends as refused"

TABLES = """
CREATE TABLE sender_breaker (
  account bigint NOT NULL REFERENCES account,
  sender text NOT NULL,
  recipient text NOT NULL,
  refused text[] NOT NULL,
  reason text NOT NULL,
  refused_at timestamptz NOT NULL,
  opened_at timestamptz,
  until timestamptz,
  probes integer NOT NULL,
  PRIMARY KEY (account, sender, recipient),
  CHECK ((opened_at IS NULL) = (until IS NULL))
);
CREATE INDEX sender_breaker_rested ON sender_breaker (until) WHERE until IS NOT NULL;

ALTER TABLE outbox ADD sender_domain text, ADD recipient_domain text;
CREATE INDEX outbox_behind ON outbox (account, sender_domain, recipient_domain)
  WHERE sender_domain IS NOT NULL;

ALTER TABLE invitation DROP CONSTRAINT invitation_status_check, ADD CONSTRAINT
  invitation_status_check CHECK (status IN ('scheduled', 'claimed', 'sent', 'uncertain', 'held',
    'failed', 'expired', 'refused', 'dropped'));
"""

RIGHTS = """
SELECT retour_protect_queue('sender_breaker');
REVOKE INSERT, UPDATE, DELETE ON sender_breaker FROM retour_api;
"""


async def forwards() -> MigrationManager:
    """Create the table, and let mails wait for it and end as refused."""
    return executing(ID, "mail", DESCRIPTION, TABLES, RIGHTS)
