"""What is to be rolled up is known by its invitation: not every answer will be about a task."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T00:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "results wait to be computed by invitation"

#: Any answer of a task has its result computed anew: its last one stands for what waits.
QUEUE = """
ALTER TABLE rollup_change RENAME TO rollup_change_before;
CREATE TABLE rollup_change (
  account bigint NOT NULL,
  invitation uuid NOT NULL,
  changed_at timestamptz NOT NULL,
  attempts smallint NOT NULL,
  not_before timestamptz NOT NULL,
  quarantined_at timestamptz,
  error text
);
INSERT INTO rollup_change
SELECT DISTINCT ON (b.account, b.task) b.account, a.invitation, b.changed_at, b.attempts,
  b.not_before, b.quarantined_at, b.error
FROM rollup_change_before b JOIN answer a ON (a.account, a.task) = (b.account, b.task)
ORDER BY b.account, b.task, a.answered_at DESC, a.invitation DESC;
DROP TABLE rollup_change_before;
ALTER TABLE rollup_change
  ADD PRIMARY KEY (account, invitation),
  ADD FOREIGN KEY (account, invitation) REFERENCES answer;
CREATE INDEX rollup_change_due ON rollup_change (not_before) WHERE quarantined_at IS NULL;
"""

RIGHTS = """
SELECT retour_protect_queue('rollup_change');
"""


async def forwards() -> MigrationManager:
    """Write the queue anew; what waits goes on waiting, as often tried as it was."""
    return executing(ID, "mail", DESCRIPTION, QUEUE, RIGHTS)
