"""Follow-ups: what answers leave to be done, and that of the answers there are."""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T03:25:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "follow-ups of answers: calls that were asked for, and negative ones to be read"

TABLE: Final = """
CREATE TABLE follow_up (
  account bigint NOT NULL,
  id uuid NOT NULL,
  invitation uuid NOT NULL,
  kind text NOT NULL,
  opened_at timestamptz NOT NULL,
  owner uuid,
  due_at timestamptz,
  status text NOT NULL,
  resolution text,
  closed_by uuid,
  closed_at timestamptz
);
"""

#: As an answer of today opens them: whose rating does not count is called back all the same.
FILL: Final = """
INSERT INTO follow_up (account, id, invitation, kind, opened_at, status)
SELECT a.account, gen_random_uuid(), a.invitation, asked.kind, a.answered_at, 'open'
FROM answer a CROSS JOIN LATERAL (VALUES
  ('call_back', a.call_back),
  ('negative', a.sentiment = 'negative' AND NOT a.not_me)) AS asked (kind, so)
WHERE asked.so
ORDER BY a.account, a.answered_at, a.invitation, asked.kind;
"""

KEYS: Final = """
ALTER TABLE follow_up
  ADD PRIMARY KEY (account, id),
  ADD UNIQUE (account, invitation, kind),
  ADD FOREIGN KEY (account, invitation) REFERENCES answer,
  ADD FOREIGN KEY (account, owner) REFERENCES app_user,
  ADD FOREIGN KEY (account, closed_by) REFERENCES app_user,
  ADD CHECK (kind IN ('call_back', 'negative')),
  ADD CHECK (status IN ('open', 'in_progress', 'closed')),
  ADD CHECK (CASE status WHEN 'closed' THEN num_nulls(resolution, closed_at) = 0
    ELSE num_nonnulls(resolution, closed_by, closed_at) = 0 END);
CREATE INDEX follow_up_undone ON follow_up (account, opened_at, id) WHERE status <> 'closed';
"""

RIGHTS: Final = """
SELECT retour_protect('follow_up', 'SELECT, INSERT, UPDATE');
"""


async def forwards() -> MigrationManager:
    """Make the table, and open what every answer asks for as it stands."""
    return executing(ID, "mail", DESCRIPTION, TABLE, FILL, KEYS, RIGHTS)
