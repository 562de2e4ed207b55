"""A guard in the tests' databases: an invitation changes its state by a declared edge or not.

What a transaction changed is compared when it commits: how it found the invitation, how it leaves
it, and which edges its statements named. Tests that set a state by hand say `staged` first.
"""

from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from mail.states import EDGES
from sync.database import Tx

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

#: An edge's name, the state before and the state after it, as `mail.states` writes them.
Step: TypeAlias = tuple[str, str, str]

#: `found`: the state that a transaction met first, by the names of its edges. `walked`: what came
#: of it. A trigger before the row sees the state as it was: the first that a transaction touches
#: is noted while the other row is untouched.
_GUARD: Final = """
CREATE SCHEMA guard;
CREATE TABLE guard.edge (name text, before text, after text, PRIMARY KEY (name, before, after));
CREATE TABLE guard.found (act xid8, invitation uuid, state text, edges text[] NOT NULL,
  PRIMARY KEY (act, invitation));
CREATE TABLE guard.walked (act xid8, name text, before text, after text);

CREATE FUNCTION guard.state(account bigint, invitation uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  RETURN coalesce((
    SELECT concat_ws('/', i.status, o.phase, nullif(o.purpose, 'first'))
    FROM invitation i LEFT JOIN outbox o ON (o.account, o.invitation) = (i.account, i.id)
    WHERE (i.account, i.id) = ($1, $2)), 'none');
END $$;

CREATE FUNCTION guard.note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  line jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
  which uuid := coalesce(line ->> 'invitation', line ->> 'id');
  names text[] := array_remove(ARRAY[substring(current_query() FROM '/\\* edge: (\\w+)'),
    CASE WHEN current_setting('retour.staged', true) = 'on' THEN 'staged' END], NULL);
BEGIN
  IF which IS NULL THEN  -- the table itself refuses it
    RETURN NEW;
  END IF;
  INSERT INTO guard.found
  VALUES (pg_current_xact_id(), which, guard.state((line ->> 'account')::bigint, which), names)
  ON CONFLICT (act, invitation) DO UPDATE SET edges = found.edges || excluded.edges;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE FUNCTION guard.compare() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
  line jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
  which uuid := coalesce(line ->> 'invitation', line ->> 'id');
  now text := guard.state((line ->> 'account')::bigint, which);
  was record;
BEGIN
  SELECT * INTO STRICT was FROM guard.found
  WHERE act = pg_current_xact_id() AND invitation = which;
  IF was.state = now OR 'staged' = ANY(was.edges) THEN
    RETURN NULL;
  END IF;
  INSERT INTO guard.walked SELECT was.act, name, before, after FROM guard.edge
  WHERE name = ANY(was.edges) AND before = was.state AND after = now;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no edge of % leads from % to %', was.edges, was.state, now;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER guard_note BEFORE INSERT OR DELETE OR UPDATE OF status ON invitation
  FOR EACH ROW EXECUTE FUNCTION guard.note();
CREATE TRIGGER guard_note BEFORE INSERT OR DELETE OR UPDATE OF phase, purpose ON outbox
  FOR EACH ROW EXECUTE FUNCTION guard.note();
CREATE CONSTRAINT TRIGGER guard_compare AFTER INSERT OR DELETE OR UPDATE OF status ON invitation
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard.compare();
CREATE CONSTRAINT TRIGGER guard_compare AFTER INSERT OR DELETE OR UPDATE OF phase, purpose ON outbox
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION guard.compare();
"""


def declared() -> set[Step]:
    """Every step that an edge allows."""
    return {
        (edge.name, str(old), str(new)) for edge in EDGES for old, new in edge.moves if old != new
    }


async def guard(dsn: str) -> None:
    """Have the database at `dsn` refuse every other change. `dsn`: the owner's."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_GUARD)
        await connection.executemany("INSERT INTO guard.edge VALUES ($1, $2, $3)", declared())
    finally:
        await connection.close()


async def unguarded(owner: "Connection") -> None:
    """Guard no more: ten thousand mails are too many to be looked at one by one."""
    await owner.execute("DROP SCHEMA guard CASCADE")


async def staged(tx: "Tx | Connection") -> None:
    """Let this transaction set whatever state a test needs, and lock in whatever order."""
    await tx.fetchval("SELECT set_config('retour.staged', 'on', true)")


async def walked(owner: "Connection") -> set[Step]:
    """The steps that were taken so far."""
    rows = await owner.fetch("SELECT DISTINCT name, before, after FROM guard.walked")
    return {(row["name"], row["before"], row["after"]) for row in rows}
