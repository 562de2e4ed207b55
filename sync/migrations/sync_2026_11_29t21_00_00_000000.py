"""One row for each transition ever pushed: the fact and the verdict on it are no longer two.

The table is written anew, which leaves nothing dead behind, and everybody else waits meanwhile.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T21:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "one row for each transition: verdict and fact, with what was so at its reception"

CUSTOMER = """
ALTER TABLE customer
  ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
  ADD COLUMN account_manager uuid,
  ADD COLUMN unit uuid,
  ADD COLUMN active boolean NOT NULL DEFAULT true,
  ADD FOREIGN KEY (account, account_manager) REFERENCES app_user,
  ADD FOREIGN KEY (account, unit) REFERENCES unit;
ALTER TABLE customer ALTER COLUMN tags DROP DEFAULT, ALTER COLUMN active DROP DEFAULT;
"""

#: Tables of other packages may point here; where they do not exist yet there is nothing to keep.
MOVE_AWAY = """
CREATE TEMPORARY TABLE kept_key ON COMMIT DROP AS
SELECT conrelid::regclass::text AS of_table, conname AS name, pg_get_constraintdef(oid) AS text
FROM pg_constraint WHERE contype = 'f' AND confrelid = 'transition'::regclass;
DO $$
DECLARE
  k record;
BEGIN
  FOR k IN SELECT * FROM kept_key LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', k.of_table, k.name);
  END LOOP;
END $$;
ALTER TABLE transition RENAME TO transition_before;
ALTER INDEX transition_pkey RENAME TO transition_before_pkey;
ALTER INDEX transition_by_task RENAME TO transition_before_by_task;
"""

TABLE = """
CREATE TABLE transition (
  account bigint NOT NULL,
  id uuid NOT NULL,
  device uuid,
  technician uuid NOT NULL,
  by uuid,
  spelling text,
  digest bytea NOT NULL,
  arrived_at timestamptz NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('accepted', 'parked', 'refused')),
  refusal text,
  settled_at timestamptz,
  settled_by uuid,
  pushed_task uuid,
  body jsonb,
  task uuid,
  state text,
  moment timestamptz,
  sequence bigint,
  device_moment timestamptz,
  received_at timestamptz,
  note text,
  survey boolean,
  survey_reason text,
  email text,
  unexpected boolean,
  type uuid,
  customer uuid,
  location uuid,
  unit uuid,
  priority text,
  reason text,
  channel text,
  account_manager uuid,
  tags text[],
  customer_tags text[]
);
"""

FILL = """
INSERT INTO transition
SELECT t.account, t.id, t.device, t.technician, t.by, v.spelling, coalesce(v.digest, ''),
  coalesce(v.received_at, t.received_at), 'accepted', NULL, v.settled_at, v.settled_by, NULL, NULL,
  t.task, t.state, t.moment, t.sequence, t.device_moment, t.received_at, t.note, t.survey,
  t.survey_reason, t.email, t.unexpected, k.type, k.customer, k.location, t.unit, t.priority,
  t.reason, t.channel, t.account_manager, t.tags, '{}'
FROM transition_before t
JOIN task k ON (k.account, k.id) = (t.account, t.task)
LEFT JOIN verdict v ON (v.account, v.id) = (t.account, t.id);
INSERT INTO transition (account, id, device, technician, spelling, digest, arrived_at, verdict,
  refusal, settled_at, settled_by, pushed_task, body)
SELECT account, id, device, technician, spelling, digest, received_at, verdict, reason, settled_at,
  settled_by, task, body
FROM verdict WHERE verdict <> 'accepted';
DROP TABLE transition_before, verdict;
"""

#: A fact is whole; what is open has none of its columns, so no reader of a task's history meets
#: it and no foreign key asks for a task or a state that nobody knows. The account needs no key of
#: its own: that of the technician holds it.
KEYS = """
ALTER TABLE transition
  ADD PRIMARY KEY (account, id),
  ADD CHECK (CASE WHEN verdict = 'accepted'
    THEN num_nulls(task, state, moment, sequence, device_moment, received_at, survey, unexpected,
        type, unit, tags, customer_tags) = 0
      AND num_nonnulls(pushed_task, body, refusal) = 0
    ELSE num_nonnulls(task, state, moment, sequence, device_moment, received_at, note, survey,
        survey_reason, email, unexpected, type, customer, location, unit, priority, reason,
        channel, account_manager, tags, customer_tags) = 0
      AND num_nulls(pushed_task, body) = 0
      AND (verdict = 'refused') = (refusal IS NOT NULL) END),
  ADD FOREIGN KEY (account, task) REFERENCES task,
  ADD FOREIGN KEY (account, state) REFERENCES state,
  ADD FOREIGN KEY (account, device) REFERENCES device,
  ADD FOREIGN KEY (account, technician) REFERENCES app_user,
  ADD FOREIGN KEY (account, by) REFERENCES app_user,
  ADD FOREIGN KEY (account, settled_by) REFERENCES app_user;
CREATE INDEX transition_by_task ON transition (account, task);
CREATE INDEX transition_open ON transition (account, id) WHERE verdict <> 'accepted';
CREATE INDEX transition_open_by_task ON transition (account, pushed_task)
  WHERE verdict <> 'accepted';
CREATE INDEX transition_open_by_technician ON transition (account, technician, id)
  WHERE verdict <> 'accepted';
CREATE INDEX transition_open_by_arrival ON transition (account, verdict, arrived_at DESC, id DESC)
  WHERE verdict <> 'accepted';
DO $$
DECLARE
  k record;
BEGIN
  FOR k IN SELECT * FROM kept_key LOOP
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.of_table, k.name, k.text);
  END LOOP;
END $$;
"""

#: A fact is never updated by those who run.
RIGHTS = """
SELECT retour_protect('transition', 'SELECT, INSERT, UPDATE');
CREATE POLICY facts_stand ON transition AS RESTRICTIVE FOR UPDATE TO retour_api, retour_worker
  USING (verdict <> 'accepted') WITH CHECK (true);
"""


async def forwards() -> MigrationManager:
    """Write the table anew from both that there were; every row of theirs is in it."""
    return executing(ID, "sync", DESCRIPTION, CUSTOMER, MOVE_AWAY, TABLE, FILL, KEYS, RIGHTS)
