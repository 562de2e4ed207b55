"""Indexes that each serve one way of looking, and no more than a push has to write."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T22:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of tasks that serve one way of looking each"

#: As text an id orders the same. As itself it could be looked up here too, by skipping through
#: moments, which seems cheap for as long as a table has few of them.
LIST = """
DROP INDEX task_by_state_moment;
CREATE INDEX task_by_state_moment ON task (account, state_moment DESC, (id::text));
"""

#: Each push writes its tasks' entries anew, in every index. One full of nothing is smaller than
#: the key, too, and may seem the cheaper way to look anything up.
SPARSE = """
DROP INDEX task_by_customer, task_by_location;
CREATE INDEX task_by_customer ON task (account, customer) WHERE customer IS NOT NULL;
CREATE INDEX task_by_location ON task (account, location) WHERE location IS NOT NULL;
"""

#: Whoever queues a task has it locked, and none is ever deleted.
QUEUE = "ALTER TABLE task_change DROP CONSTRAINT task_change_account_task_fkey;"


async def forwards() -> MigrationManager:
    """Make the indexes anew; a task in the queue is not looked for again."""
    return executing(ID, "sync", DESCRIPTION, LIST, SPARSE, QUEUE)
