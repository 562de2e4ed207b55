"""The tables of who comes in: login directory, sessions, API tokens, throttle."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-22T15:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "login directory, sessions, API tokens and the throttle"

TABLES = """
CREATE TABLE login (
  address text NOT NULL,
  account bigint NOT NULL REFERENCES account,
  app_user uuid NOT NULL,
  PRIMARY KEY (address, account),
  UNIQUE (account, app_user),
  FOREIGN KEY (account, app_user) REFERENCES app_user
);

CREATE TABLE session (
  account bigint NOT NULL REFERENCES account,
  token_hash bytea NOT NULL,
  app_user uuid NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (account, token_hash),
  FOREIGN KEY (account, app_user) REFERENCES app_user
);

CREATE TABLE api_token (
  account bigint NOT NULL REFERENCES account,
  token_hash bytea NOT NULL,
  name text NOT NULL,
  created_by uuid,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (account, token_hash),
  FOREIGN KEY (account, created_by) REFERENCES app_user
);

CREATE TABLE throttle (
  bucket bytea PRIMARY KEY,
  window_start timestamptz NOT NULL,
  hits integer NOT NULL
);
"""

RIGHTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON login, throttle TO retour_api;
SELECT retour_protect(t, 'SELECT, INSERT, UPDATE, DELETE') FROM unnest(ARRAY[
  'session', 'api_token']) AS t;
REVOKE ALL ON session, api_token FROM retour_worker;
"""


async def forwards() -> MigrationManager:
    """Create the tables of `server` and let the running roles see one account at a time."""
    return executing(ID, "server", DESCRIPTION, TABLES, RIGHTS)
