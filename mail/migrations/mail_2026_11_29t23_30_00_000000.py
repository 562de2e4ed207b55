"""The format of what campaigns say, and tables for what is not said or not counted yet."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T23:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the format of versions; drafts, images, and answers that were not submitted"

FORMAT = """
ALTER TABLE campaign_version ADD format smallint NOT NULL DEFAULT 1 CHECK (format > 0);
ALTER TABLE campaign_version ALTER format DROP DEFAULT;
"""

#: A draft may be of a campaign that is yet to be made, so it needs none.
TABLES = """
CREATE TABLE campaign_draft (
  account bigint NOT NULL REFERENCES account,
  campaign uuid NOT NULL,
  body jsonb NOT NULL CHECK (jsonb_typeof(body) = 'object'),
  revision integer NOT NULL CHECK (revision > 0),
  updated_by uuid NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (account, campaign),
  FOREIGN KEY (account, updated_by) REFERENCES app_user
);

CREATE TABLE asset (
  account bigint NOT NULL REFERENCES account,
  sha256 bytea NOT NULL CHECK (sha256 = sha256(bytes)),
  mime text NOT NULL CHECK (mime IN ('image/png', 'image/svg+xml')),
  bytes bytea NOT NULL CHECK (octet_length(bytes) BETWEEN 1 AND 65536),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (account, sha256)
);

CREATE TABLE answer_partial (
  account bigint NOT NULL REFERENCES account,
  invitation uuid NOT NULL,
  question text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('thumbs', 'stars', 'effort', 'nps')),
  value smallint NOT NULL CHECK (value BETWEEN 0 AND 10),
  chosen_at timestamptz NOT NULL,
  PRIMARY KEY (account, invitation, question),
  FOREIGN KEY (account, invitation) REFERENCES invitation ON DELETE CASCADE
);
"""

#: An image is never another one. Drafts and choices are the pages' alone: no worker reads them.
RIGHTS = """
SELECT retour_protect('asset', 'SELECT, INSERT');
SELECT retour_protect(t, 'SELECT, INSERT, UPDATE, DELETE')
FROM unnest(ARRAY['campaign_draft', 'answer_partial']) AS t;
REVOKE ALL ON campaign_draft, answer_partial FROM retour_worker;
"""


async def forwards() -> MigrationManager:
    """Say of each version there is that it is in the first format; create the tables."""
    return executing(ID, "mail", DESCRIPTION, FORMAT, TABLES, RIGHTS)
