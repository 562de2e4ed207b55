"""Completions, and those of tasks that are finished already.

They are found and written here, not by planning the tasks again: planning would also decide anew
what campaigns that were edited since make of old visits, and ask for them. Histories are put in
order by two passes of windows, as `rules.history` does it; only the day is not told by PostgreSQL,
which may be built without the older names of zones. Of 10^6 transitions that takes some seconds.
"""

from datetime import date, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.database import DB
from sync.tables.schema import execute_script

if TYPE_CHECKING:
    from sync.connections import Connection

ID = "2026-11-29T19:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "one completion for each finished task"

TABLES: Final = """
CREATE TABLE completion (
  account bigint NOT NULL,
  task uuid NOT NULL,
  round integer NOT NULL,
  transition uuid NOT NULL,
  moment timestamptz NOT NULL,
  day date NOT NULL,
  type uuid NOT NULL,
  customer uuid,
  location uuid,
  unit uuid NOT NULL,
  priority text,
  reason text,
  channel text,
  account_manager uuid,
  tags text[] NOT NULL,
  customer_tags text[] NOT NULL,
  technician uuid NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (account, task, round),
  FOREIGN KEY (account, transition) REFERENCES transition
);
CREATE UNIQUE INDEX completion_by_position ON completion (account, position);

CREATE TABLE completion_head (
  account bigint PRIMARY KEY REFERENCES account,
  position bigint NOT NULL
);
"""

RIGHTS: Final = """
SELECT retour_protect(t, 'SELECT, INSERT, UPDATE')
FROM unnest(ARRAY['completion', 'completion_head']) AS t;
"""

#: No step of a device counts later than it or a later one was received, nor earlier than one
#: before it; those of one sequence are equals.
FIRST: Final = """
WITH capped AS (
  SELECT account, task, id, state, sequence, device, CASE WHEN device IS NULL THEN moment ELSE
    least(moment, received_at, min(received_at) OVER (PARTITION BY account, task, device
      ORDER BY sequence RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)) END AS moment
  FROM transition
), placed AS (
  SELECT account, task, id, state, sequence, CASE WHEN device IS NULL THEN moment ELSE
    greatest(moment, max(moment) OVER (PARTITION BY account, task, device
      ORDER BY sequence RANGE BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) END AS moment
  FROM capped
), firsts AS (
  SELECT DISTINCT ON (p.account, p.task) p.account, p.task, p.id, p.moment
  FROM placed p JOIN state s ON (s.account, s.code) = (p.account, p.state)
  WHERE s.kind IN ('done', 'closed')
  ORDER BY p.account, p.task, p.moment, p.sequence, p.id
)
SELECT f.account, f.id, f.moment, coalesce(l.zone, a.zone) AS zone,
  row_number() OVER (PARTITION BY f.account ORDER BY f.moment, f.id) AS position
FROM firsts f JOIN account a ON a.account = f.account
JOIN task t ON (t.account, t.id) = (f.account, f.task)
LEFT JOIN location l ON (l.account, l.id) = (t.account, t.location)
"""

WRITE: Final = """
INSERT INTO completion (account, task, round, transition, moment, day, type, customer, location,
  unit, priority, reason, channel, account_manager, tags, customer_tags, technician, position)
SELECT t.account, t.task, 1, t.id, one.moment, one.day, t.type, t.customer, t.location,
  t.unit, t.priority, t.reason, t.channel, t.account_manager, t.tags, t.customer_tags,
  t.technician, one.position
FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::date[], $5::bigint[])
  AS one (account, transition, moment, day, position)
JOIN transition t ON (t.account, t.id) = (one.account, one.transition)
"""

HEADS: Final = """
INSERT INTO completion_head (account, position)
SELECT account, max(position) FROM completion GROUP BY account
"""

#: Completions that are written at once.
CHUNK: Final = 5000


async def forwards() -> MigrationManager:
    """Create the tables, let the running roles see one account at a time, and fill them."""
    manager = MigrationManager(migration_id=ID, app_name="mail", description=DESCRIPTION)

    async def run() -> None:
        await execute_script(TABLES)
        await execute_script(RIGHTS)
        transaction = DB.current_transaction.get()
        assert transaction is not None  # noqa: S101 - the scripts ran in it
        await fill(transaction.connection)

    manager.add_raw(run)
    return manager


async def fill(connection: "Connection") -> None:
    """Write the completions of all accounts, as the owner in a transaction."""
    await connection.execute(f"DECLARE finished CURSOR FOR {FIRST}")
    while rows := await connection.fetch(f"FETCH {CHUNK} FROM finished"):
        told = [
            (
                row["account"],
                row["id"],
                row["moment"],
                _day(row["moment"], row["zone"]),
                row["position"],
            )
            for row in rows
        ]
        await connection.execute(WRITE, *zip(*told, strict=True))
    await connection.execute("CLOSE finished")  # or its tables count as in use
    await connection.execute(HEADS)


def _day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
