"""Locations whose calendar changed, and the task that went to another one.

What waits for such a location is planned again, in chunks, by the planning job. A queue with
nothing in it is made; existing rows are not touched.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T22:56:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "locations whose calendar changed"

TABLE: Final = """
CREATE TABLE place_change (
  account bigint NOT NULL REFERENCES account,
  location uuid NOT NULL,
  after uuid,
  changed_at timestamptz NOT NULL,
  attempts smallint NOT NULL,
  not_before timestamptz NOT NULL,
  quarantined_at timestamptz,
  error text,
  PRIMARY KEY (account, location)
);
CREATE INDEX place_change_due ON place_change (not_before) WHERE quarantined_at IS NULL;
SELECT retour_protect_queue('place_change');
"""

TRIGGERS: Final = """
CREATE FUNCTION mark_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO place_change (account, location, changed_at, attempts, not_before)
  VALUES (NEW.account, NEW.id, retour_now(), 0, retour_now())
  ON CONFLICT (account, location) DO UPDATE SET after = NULL, changed_at = excluded.changed_at,
    attempts = 0, not_before = excluded.not_before, quarantined_at = NULL, error = NULL;
  RETURN NULL;
END $$;
CREATE FUNCTION mark_moved_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO task_change (account, task, changed_at, attempts, not_before)
  VALUES (NEW.account, NEW.id, retour_now(), 0, retour_now())
  ON CONFLICT (account, task) DO UPDATE SET changed_at = excluded.changed_at,
    attempts = 0, not_before = excluded.not_before, quarantined_at = NULL, error = NULL
  WHERE task_change.attempts > 0;
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION mark_place(), mark_moved_task() FROM PUBLIC;
CREATE TRIGGER mark_place AFTER UPDATE OF zone, region ON location FOR EACH ROW
  WHEN ((OLD.zone, OLD.region) IS DISTINCT FROM (NEW.zone, NEW.region))
  EXECUTE FUNCTION mark_place();
CREATE TRIGGER mark_moved AFTER UPDATE OF location ON task FOR EACH ROW
  WHEN (OLD.location IS DISTINCT FROM NEW.location)
  EXECUTE FUNCTION mark_moved_task();
"""


async def forwards() -> MigrationManager:
    """Make the queue, and what fills it beside the account's calendar."""
    return executing(ID, "mail", DESCRIPTION, TABLE, TRIGGERS)
