"""The tables of what follows a transition: campaigns, decisions, invitations, answers."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-22T15:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "campaigns, decisions, invitations, contacts, answers and their queues"

TABLES = """
CREATE TABLE campaign_set (
  account bigint PRIMARY KEY REFERENCES account,
  revision bigint NOT NULL
);

CREATE TABLE campaign (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  external_id text,
  name text NOT NULL,
  status text NOT NULL CHECK (status IN ('draft', 'active', 'paused', 'archived')),
  version integer NOT NULL,
  activated_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, external_id)
);

CREATE TABLE campaign_version (
  account bigint NOT NULL REFERENCES account,
  campaign uuid NOT NULL,
  version integer NOT NULL,
  definition jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account, campaign, version),
  FOREIGN KEY (account, campaign) REFERENCES campaign
);

CREATE TABLE campaign_pause (
  account bigint NOT NULL REFERENCES account,
  campaign uuid NOT NULL,
  start_at timestamptz NOT NULL,
  end_at timestamptz,
  PRIMARY KEY (account, campaign, start_at),
  FOREIGN KEY (account, campaign) REFERENCES campaign
);

CREATE TABLE decision (
  account bigint NOT NULL REFERENCES account,
  campaign uuid NOT NULL,
  transition uuid NOT NULL,
  task uuid NOT NULL,
  round integer NOT NULL,
  outcome text NOT NULL,
  release timestamptz,
  decided_at timestamptz NOT NULL,
  PRIMARY KEY (account, campaign, transition),
  FOREIGN KEY (account, campaign) REFERENCES campaign,
  FOREIGN KEY (account, transition) REFERENCES transition,
  FOREIGN KEY (account, task) REFERENCES task
);
CREATE INDEX decision_by_task ON decision (account, task);

CREATE TABLE invitation (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  campaign uuid NOT NULL,
  version integer NOT NULL,
  task uuid NOT NULL,
  round integer NOT NULL,
  transition uuid NOT NULL,
  technician uuid NOT NULL,
  status text NOT NULL CHECK (status IN
    ('scheduled', 'claimed', 'sent', 'uncertain', 'held', 'failed', 'expired', 'dropped')),
  reason text,
  due timestamptz NOT NULL,
  release timestamptz NOT NULL,
  rearm_moment timestamptz,
  rearm_sequence bigint,
  rearm_transition uuid,
  address text,
  typed_address text,
  address_field text,
  address_by_technician boolean NOT NULL,
  language text,
  message_id text,
  sent_at timestamptz,
  deadline timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, campaign, task, round),
  FOREIGN KEY (account, campaign, version) REFERENCES campaign_version,
  FOREIGN KEY (account, task) REFERENCES task,
  FOREIGN KEY (account, transition) REFERENCES transition,
  FOREIGN KEY (account, technician) REFERENCES app_user
);
CREATE INDEX invitation_by_task ON invitation (account, task);
CREATE INDEX invitation_by_address ON invitation (account, address, campaign);

CREATE TABLE outbox (
  account bigint NOT NULL REFERENCES account,
  invitation uuid NOT NULL,
  release timestamptz NOT NULL,
  not_before timestamptz NOT NULL,
  phase text NOT NULL CHECK (phase IN ('waiting', 'claimed', 'data', 'held')),
  attempt integer NOT NULL,
  lease_until timestamptz,
  first_tried_at timestamptz,
  resent boolean NOT NULL,
  survey_token bytea,
  unsubscribe_token bytea,
  faults smallint NOT NULL DEFAULT 0,
  error text,
  PRIMARY KEY (account, invitation),
  FOREIGN KEY (account, invitation) REFERENCES invitation ON DELETE CASCADE
);
CREATE INDEX outbox_waiting ON outbox (not_before, account) WHERE phase = 'waiting';
CREATE INDEX outbox_release ON outbox (account, release, invitation) WHERE phase = 'waiting';
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE phase IN ('claimed', 'data');

CREATE TABLE contact (
  account bigint NOT NULL REFERENCES account,
  address text NOT NULL,
  suppressed text CHECK (suppressed IN ('unsubscribed', 'bounced')),
  suppressed_at timestamptz,
  PRIMARY KEY (account, address)
);

CREATE TABLE mute (
  account bigint NOT NULL REFERENCES account,
  address text NOT NULL,
  campaign uuid NOT NULL,
  invitation uuid NOT NULL,
  confirmed boolean NOT NULL,
  counted_from timestamptz NOT NULL,
  PRIMARY KEY (account, address, campaign),
  FOREIGN KEY (account, address) REFERENCES contact,
  FOREIGN KEY (account, campaign) REFERENCES campaign,
  FOREIGN KEY (account, invitation) REFERENCES invitation
);
CREATE INDEX mute_by_invitation ON mute (account, invitation);

CREATE TABLE link (
  account bigint NOT NULL REFERENCES account,
  token_hash bytea NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('survey', 'unsubscribe')),
  invitation uuid NOT NULL,
  PRIMARY KEY (account, token_hash),
  FOREIGN KEY (account, invitation) REFERENCES invitation
);
CREATE INDEX link_by_invitation ON link (account, invitation);

CREATE TABLE mail_event (
  account bigint NOT NULL REFERENCES account,
  id uuid NOT NULL,
  invitation uuid NOT NULL,
  kind text NOT NULL,
  happened_at timestamptz NOT NULL,
  attempt integer NOT NULL,
  detail text,
  PRIMARY KEY (account, id),
  FOREIGN KEY (account, invitation) REFERENCES invitation
);
CREATE INDEX mail_event_by_invitation ON mail_event (account, invitation, happened_at);

CREATE TABLE answer (
  account bigint NOT NULL REFERENCES account,
  invitation uuid NOT NULL,
  task uuid NOT NULL,
  campaign uuid NOT NULL,
  version integer NOT NULL,
  rating smallint,
  reasons text[] NOT NULL,
  comment text NOT NULL,
  not_me boolean NOT NULL,
  call_back boolean NOT NULL,
  language text NOT NULL,
  first_answered_at timestamptz NOT NULL,
  answered_at timestamptz NOT NULL,
  PRIMARY KEY (account, invitation),
  FOREIGN KEY (account, invitation) REFERENCES invitation,
  FOREIGN KEY (account, task) REFERENCES task,
  FOREIGN KEY (account, campaign) REFERENCES campaign
);
CREATE INDEX answer_by_task ON answer (account, task);

CREATE TABLE answer_version (
  account bigint NOT NULL REFERENCES account,
  invitation uuid NOT NULL,
  version integer NOT NULL,
  rating smallint,
  reasons text[] NOT NULL,
  comment text NOT NULL,
  not_me boolean NOT NULL,
  call_back boolean NOT NULL,
  language text NOT NULL,
  answered_at timestamptz NOT NULL,
  PRIMARY KEY (account, invitation, version),
  FOREIGN KEY (account, invitation) REFERENCES answer
);

CREATE TABLE rollup_change (
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
CREATE INDEX rollup_change_due ON rollup_change (not_before) WHERE quarantined_at IS NULL;

CREATE TABLE task_result (
  account bigint NOT NULL REFERENCES account,
  task uuid NOT NULL,
  answers integer NOT NULL,
  rating_mean numeric(5, 2),
  rating_last smallint,
  negative boolean NOT NULL,
  comments integer NOT NULL,
  call_back boolean NOT NULL,
  answered_at timestamptz,
  rolled_at timestamptz NOT NULL,
  PRIMARY KEY (account, task),
  FOREIGN KEY (account, task) REFERENCES task
);

CREATE TABLE clock_turn (
  name text PRIMARY KEY,
  holder uuid NOT NULL,
  until timestamptz NOT NULL
);
"""

RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON clock_turn TO retour_worker;
SELECT retour_protect(t, 'SELECT, INSERT, UPDATE') FROM unnest(ARRAY[
  'campaign_set', 'campaign', 'campaign_pause', 'decision', 'contact', 'answer',
  'task_result']) AS t;
SELECT retour_protect(t, 'SELECT, INSERT') FROM unnest(ARRAY[
  'campaign_version', 'link', 'mail_event', 'answer_version']) AS t;
SELECT retour_protect(t, 'SELECT, INSERT, UPDATE, DELETE') FROM unnest(ARRAY[
  'invitation', 'mute']) AS t;
GRANT DELETE ON decision TO retour_worker;
SELECT retour_protect_queue(t) FROM unnest(ARRAY['outbox', 'rollup_change']) AS t;
"""


async def forwards() -> MigrationManager:
    """Create the tables of `mail` and let the running roles see one account at a time."""
    return executing(ID, "mail", DESCRIPTION, TABLES, RIGHTS)
