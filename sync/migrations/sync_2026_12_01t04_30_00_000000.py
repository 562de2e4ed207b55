"""A list of tasks in one state has an index of its own; a word's threes are looked up as they are.

The index takes about two seconds for 10^6 tasks. From then on until all migrations are done nobody
else reads or writes tasks. A push keeps one index more.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-12-01T04:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "tasks by their state; exact parts of a word"

INDEX: Final = """
CREATE INDEX task_by_state ON task (account, state, state_moment DESC, (id::text));
"""

#: Only what is shorter than three begins a part: every three of a longer word is a part itself. To
#: look for what begins with it would read all texts of each three, not only of the rarest. Threes
#: that overlap say little more, and take their time.
QUERY: Final = r"""
CREATE OR REPLACE FUNCTION search_query(of_account bigint, word text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT string_agg('''' || of_account::text || ':'
  || replace(replace(substr(word, place, 3), '\', '\\'), '''', '''''')
  || CASE WHEN length(word) < 3 THEN ''':*' ELSE '''' END, ' & ')::tsquery
FROM (SELECT generate_series(1, length(word) - 2, 3) UNION SELECT greatest(length(word) - 2, 1))
  AS of_word (place)
$$;
"""


async def forwards() -> MigrationManager:
    """Make the index, and the function anew."""
    return executing(ID, "sync", DESCRIPTION, INDEX, QUERY)
