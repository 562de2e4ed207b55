"""Images get ids and names, and what campaigns show of them is noted.

The table was never written by a release, so no row changes.
"""

from typing import Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-12-01T12:20:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "ids and names of images, and which campaigns show them"

COLUMNS: Final = """
ALTER TABLE asset
  ADD id uuid NOT NULL DEFAULT gen_random_uuid(),
  ADD name text NOT NULL DEFAULT '',
  DROP CONSTRAINT asset_pkey,
  ADD PRIMARY KEY (account, id),
  ADD UNIQUE (account, sha256);
ALTER TABLE asset ALTER id DROP DEFAULT, ALTER name DROP DEFAULT;
GRANT DELETE ON asset TO retour_api;
"""

USES: Final = """
CREATE TABLE asset_use (
  account bigint NOT NULL REFERENCES account,
  asset uuid NOT NULL,
  campaign uuid NOT NULL,
  version integer NOT NULL,
  PRIMARY KEY (account, asset, campaign, version),
  FOREIGN KEY (account, asset) REFERENCES asset,
  FOREIGN KEY (account, campaign, version) REFERENCES campaign_version
);
SELECT retour_protect('asset_use', 'SELECT, INSERT');
"""


async def forwards() -> MigrationManager:
    """Name images by ids, and make the table of uses."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS, USES)
