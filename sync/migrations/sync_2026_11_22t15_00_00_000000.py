"""The tables of what happened in the field, their keys, and who may touch them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-22T15:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "people, work, feed and the queue of changed tasks"

TABLES = """
CREATE TABLE test_clock (
  id smallint PRIMARY KEY CHECK (id = 1),
  shift interval NOT NULL
);

CREATE FUNCTION retour_now() RETURNS timestamptz LANGUAGE sql STABLE AS
  $$ SELECT clock_timestamp() + coalesce((SELECT shift FROM test_clock), interval '0') $$;

CREATE TABLE account (
  account bigint PRIMARY KEY,
  name text NOT NULL,
  zone text NOT NULL,
  language text NOT NULL,
  after_crash text NOT NULL CHECK (after_crash IN ('resend', 'hold')),
  created_at timestamptz NOT NULL
);

CREATE TABLE unit (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  external_id text,
  parent uuid,
  kind text NOT NULL CHECK (kind IN ('head_office', 'region', 'site')),
  name text NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, external_id),
  FOREIGN KEY (account, parent) REFERENCES unit
);

CREATE TABLE app_user (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  external_id text,
  unit uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('technician', 'dispatcher', 'manager', 'administrator')),
  name text NOT NULL,
  email text NOT NULL,
  language text NOT NULL,
  password_hash text,
  active boolean NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, external_id),
  UNIQUE (account, email),
  FOREIGN KEY (account, unit) REFERENCES unit
);

CREATE TABLE device (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  technician uuid NOT NULL,
  name text NOT NULL,
  credential_hash bytea NOT NULL,
  enrolled_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (account, id),
  UNIQUE (account, credential_hash),
  FOREIGN KEY (account, technician) REFERENCES app_user
);

CREATE TABLE enrolment_code (
  account bigint NOT NULL REFERENCES account,
  code_hash bytea NOT NULL,
  technician uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  PRIMARY KEY (account, code_hash),
  FOREIGN KEY (account, technician) REFERENCES app_user
);

CREATE TABLE customer (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  external_id text,
  name text NOT NULL,
  email text,
  billing_email text,
  email_by uuid,
  email_at timestamptz,
  phone text,
  language text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, external_id),
  FOREIGN KEY (account, email_by) REFERENCES app_user
);

CREATE TABLE location (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  external_id text,
  customer uuid,
  name text NOT NULL,
  address text NOT NULL,
  email text,
  phone text,
  zone text,
  PRIMARY KEY (account, id),
  UNIQUE (account, external_id),
  FOREIGN KEY (account, customer) REFERENCES customer
);

CREATE TABLE task_type (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  external_id text,
  name text NOT NULL,
  names jsonb NOT NULL,
  flow jsonb NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, external_id)
);

CREATE TABLE state (
  account bigint NOT NULL REFERENCES account,
  code text NOT NULL,
  name text NOT NULL,
  names jsonb NOT NULL,
  kind text NOT NULL CHECK (kind IN ('planned', 'active', 'done', 'closed', 'cancelled')),
  PRIMARY KEY (account, code)
);

CREATE TABLE task (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  external_id text,
  type uuid NOT NULL,
  initial_state text NOT NULL,
  state text NOT NULL,
  state_moment timestamptz NOT NULL,
  state_transition uuid,
  customer uuid,
  location uuid,
  unit uuid NOT NULL,
  technician uuid,
  title text NOT NULL,
  contact_email text,
  priority text,
  reason text,
  channel text,
  account_manager uuid,
  tags text[] NOT NULL,
  scheduled_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, external_id),
  FOREIGN KEY (account, type) REFERENCES task_type,
  FOREIGN KEY (account, initial_state) REFERENCES state,
  FOREIGN KEY (account, state) REFERENCES state,
  FOREIGN KEY (account, customer) REFERENCES customer,
  FOREIGN KEY (account, location) REFERENCES location,
  FOREIGN KEY (account, unit) REFERENCES unit,
  FOREIGN KEY (account, technician) REFERENCES app_user,
  FOREIGN KEY (account, account_manager) REFERENCES app_user
);
CREATE INDEX task_by_customer ON task (account, customer);
CREATE INDEX task_by_location ON task (account, location);
CREATE INDEX task_by_state_moment ON task (account, state_moment DESC, id);

CREATE TABLE assignment (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  task uuid NOT NULL,
  technician uuid,
  unit uuid,
  start_at timestamptz NOT NULL,
  end_at timestamptz,
  PRIMARY KEY (account, id),
  CHECK (num_nonnulls(technician, unit) = 1),
  CHECK (end_at IS NULL OR end_at >= start_at),
  FOREIGN KEY (account, task) REFERENCES task,
  FOREIGN KEY (account, technician) REFERENCES app_user,
  FOREIGN KEY (account, unit) REFERENCES unit
);
CREATE INDEX assignment_by_task ON assignment (account, task, start_at);

CREATE TABLE transition (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  task uuid NOT NULL,
  state text NOT NULL,
  moment timestamptz NOT NULL,
  sequence bigint NOT NULL,
  device_moment timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  device uuid,
  technician uuid NOT NULL,
  note text,
  survey boolean NOT NULL,
  email text,
  unexpected boolean NOT NULL,
  unit uuid NOT NULL,
  priority text,
  reason text,
  channel text,
  account_manager uuid,
  tags text[] NOT NULL,
  PRIMARY KEY (account, id),
  FOREIGN KEY (account, task) REFERENCES task,
  FOREIGN KEY (account, state) REFERENCES state,
  FOREIGN KEY (account, device) REFERENCES device,
  FOREIGN KEY (account, technician) REFERENCES app_user
);
CREATE INDEX transition_by_task ON transition (account, task, moment, sequence, id);

CREATE TABLE verdict (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  device uuid,
  technician uuid NOT NULL,
  task uuid NOT NULL,
  verdict text NOT NULL CHECK (verdict IN ('accepted', 'parked', 'refused')),
  reason text,
  digest bytea NOT NULL,
  body jsonb,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (account, id),
  CHECK ((verdict = 'refused') = (reason IS NOT NULL)),
  CHECK ((verdict = 'accepted') = (body IS NULL)),
  FOREIGN KEY (account, device) REFERENCES device,
  FOREIGN KEY (account, technician) REFERENCES app_user
);
CREATE INDEX verdict_open_by_task ON verdict (account, task) WHERE verdict <> 'accepted';
CREATE INDEX verdict_open_by_technician ON verdict (account, technician, id)
  WHERE verdict <> 'accepted';

CREATE TABLE feed_head (
  account bigint PRIMARY KEY REFERENCES account,
  epoch bigint NOT NULL,
  position bigint NOT NULL,
  pruned bigint NOT NULL
);

CREATE TABLE feed (
  account bigint NOT NULL REFERENCES account,
  technician uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('task', 'customer', 'location', 'task_type', 'state')),
  id text NOT NULL,
  position bigint NOT NULL,
  deleted boolean NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (account, kind, id, technician),
  FOREIGN KEY (account, technician) REFERENCES app_user
);
CREATE UNIQUE INDEX feed_by_position ON feed (account, technician, position);
CREATE INDEX feed_tombstones ON feed (account, changed_at) WHERE deleted;

CREATE TABLE task_change (
  account bigint NOT NULL REFERENCES account,
  task uuid NOT NULL,
  changed_at timestamptz NOT NULL,
  attempts smallint NOT NULL,
  not_before timestamptz NOT NULL,
  quarantined_at timestamptz,
  error text,
  PRIMARY KEY (account, task),
  FOREIGN KEY (account, task) REFERENCES task
);
CREATE INDEX task_change_due ON task_change (not_before) WHERE quarantined_at IS NULL;
"""

RIGHTS = """
GRANT SELECT ON test_clock TO retour_api, retour_worker;
SELECT retour_protect(t, 'SELECT, INSERT, UPDATE') FROM unnest(ARRAY[
  'account', 'unit', 'app_user', 'device', 'enrolment_code', 'customer', 'location', 'task_type',
  'state', 'task', 'verdict', 'feed_head']) AS t;
SELECT retour_protect(t, 'SELECT, INSERT, UPDATE, DELETE') FROM unnest(ARRAY[
  'assignment', 'feed']) AS t;
SELECT retour_protect('transition', 'SELECT, INSERT');
SELECT retour_protect_queue('task_change');
"""


async def forwards() -> MigrationManager:
    """Create the tables of `sync` and let the running roles see one account at a time."""
    return executing(ID, "sync", DESCRIPTION, TABLES, RIGHTS)
