"""An account that grows at once, and how much is read of each table.

Whatever an account holds is copied many times over. Copies have ids of their own and lead to
copies, but to the same technicians, units, types and campaigns.
"""

from collections import Counter
from typing import Final

from tests.support.owner import Owner
from tests.support.state_guard import unguarded

#: What is copied, each after what it refers to; of feeds only what is copied itself.
COPIED: Final = (
    "customer", "location", "task", "assignment", "transition",
    "feed", "audit", "decision", "invitation", "outbox", "contact", "contact_use", "link",
    "mail_event", "answer", "answer_value", "answer_version", "completion", "task_result",
)  # fmt: skip

#: The `n`-th copy of a row; `span`: more than any position that was given.
COPY: Final = r"""
CREATE FUNCTION copy_of(line jsonb, n bigint, span bigint) RETURNS jsonb LANGUAGE sql AS $$
SELECT line || jsonb_object_agg(key, CASE
  WHEN key IN ('address', 'email') THEN n || '.' || value
  WHEN key IN ('token_hash', 'address_key')
    THEN '\x' || encode(sha256(convert_to(value || n, 'UTF8')), 'hex')
  WHEN key = 'position' THEN (value::bigint + n * span)::text
  ELSE md5(value || n)::uuid::text END)
FROM jsonb_each_text(line)
WHERE value IS NOT NULL AND key IN ('id', 'customer', 'location', 'task', 'pushed_task',
  'transition', 'state_transition', 'invitation', 'contact', 'address', 'address_key', 'email',
    'token_hash', 'position')
$$
"""
ADD: Final = """
INSERT INTO {table} SELECT new.*
FROM {table} old, generate_series($3::bigint, $3 + $2 - 1) AS n,
  (SELECT position + 1 AS span FROM feed_head WHERE account = $1) AS ahead,
  jsonb_populate_record(NULL::{table}, copy_of(to_jsonb(old), n, span)) AS new
WHERE old.account = $1 AND coalesce(to_jsonb(old) ->> 'kind', '') NOT IN ('state', 'task_type')
"""
AHEAD: Final = """
UPDATE {table}_head SET position = (SELECT max(position) FROM {table} WHERE account = $1)
WHERE account = $1
"""
#: What could not be planned or counted, and is put off: longer queues.
PUT_OFF: Final = (
    """
    INSERT INTO task_change (account, task, changed_at, attempts, not_before)
    SELECT account, id, now(), 1, 'infinity' FROM task WHERE account = $1
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO rollup_change (account, invitation, changed_at, attempts, not_before)
    SELECT account, invitation, now(), 1, 'infinity' FROM answer WHERE account = $1
    ON CONFLICT DO NOTHING
    """,
)

#: Each transaction tells at its end what it read: all of ours ask for the time.
TELL: Final = """
CREATE OR REPLACE FUNCTION retour_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT pg_stat_force_next_flush();
  SELECT clock_timestamp() + coalesce((SELECT shift FROM test_clock), interval '0')
$$
"""
UNCHANGED: Final = "ALTER TABLE {table} SET (autovacuum_enabled = false)"
READ: Final = """
SELECT relname, seq_tup_read + greatest(idx_tup_fetch, i.entries)::bigint
FROM pg_stat_user_tables LEFT JOIN (
  SELECT relid, sum(idx_tup_read) AS entries FROM pg_stat_user_indexes GROUP BY relid
) i USING (relid)
WHERE schemaname = 'public'
"""
TABLES: Final = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)


async def prepare(owner: Owner) -> None:
    """Have transactions tell what they read, and leave statistics of tables to the test."""
    await unguarded(owner.connection)
    await owner.connection.execute(TELL)
    await owner.connection.execute(COPY)
    for (table,) in await owner.rows(TABLES):
        await owner.connection.execute(UNCHANGED.format(table=table))


async def grow(owner: Owner, account: int, times: int, first: int = 1) -> None:
    """Copy what `account` holds so many times; `first`: the number of the first copy."""
    for table in COPIED:
        await owner.connection.execute(ADD.format(table=table), account, times, first)
    for table in ("feed", "completion"):
        await owner.connection.execute(AHEAD.format(table=table), account)
    for put_off in PUT_OFF:
        await owner.connection.execute(put_off, account)
    await owner.connection.execute("SELECT pg_stat_force_next_flush()")


async def rows_read(owner: Owner) -> Counter[str]:
    """How many rows, or entries of an index, were read of each table since it was made."""
    return Counter(dict(await owner.rows(READ)))
