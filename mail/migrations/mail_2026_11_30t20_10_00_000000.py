"""A decision says when and in which unit its transition happened: the ledger is read by both.

Both are facts of the transition, which never change; the database itself copies them, so that no
writer can say otherwise. The decisions that there are get theirs by two look-ups each while the
table is written anew.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T20:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "decisions know the moment and the unit of their transition"

#: The table is written anew by PostgreSQL: an UPDATE of all rows leaves each of them twice.
COLUMNS: Final = """
CREATE FUNCTION pg_temp.moment_of(account bigint, transition uuid) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
  SELECT t.moment FROM public.transition t WHERE (t.account, t.id) = ($1, $2)
$$;
CREATE FUNCTION pg_temp.unit_of(account bigint, transition uuid) RETURNS uuid
LANGUAGE sql STABLE AS $$
  SELECT t.unit FROM public.transition t WHERE (t.account, t.id) = ($1, $2)
$$;
ALTER TABLE decision ADD moment timestamptz, ADD unit uuid;
ALTER TABLE decision
  ALTER moment TYPE timestamptz USING pg_temp.moment_of(account, transition),
  ALTER unit TYPE uuid USING pg_temp.unit_of(account, transition);
ALTER TABLE decision ALTER moment SET NOT NULL, ALTER unit SET NOT NULL;
DROP FUNCTION pg_temp.moment_of, pg_temp.unit_of;
"""

FILL: Final = """
CREATE FUNCTION copy_to_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT t.moment, t.unit INTO NEW.moment, NEW.unit
  FROM transition t WHERE t.account = NEW.account AND t.id = NEW.transition;
  RETURN NEW;
END $$;
REVOKE EXECUTE ON FUNCTION copy_to_decision() FROM PUBLIC;
CREATE TRIGGER copy_to_decision BEFORE INSERT ON decision
  FOR EACH ROW EXECUTE FUNCTION copy_to_decision();
"""

#: The unit is the last column: a scan for few units reads the index alone.
INDEXES: Final = """
CREATE INDEX decision_by_moment ON decision (account, moment, transition, campaign, unit);
CREATE INDEX decision_by_outcome
  ON decision (account, campaign, outcome, moment, transition, unit);
"""


async def forwards() -> MigrationManager:
    """Add the columns, what fills them, and the two orders in which they are read."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS, FILL, INDEXES)
