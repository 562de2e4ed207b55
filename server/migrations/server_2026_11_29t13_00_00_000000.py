"""Sessions end when nobody uses them, and API tokens expire."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T13:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "when a session and an API token were last used, and when a token expires"

#: Whoever is signed in stays so, and programs get a year to renew what they have.
LIVES = """
ALTER TABLE session ADD COLUMN last_seen_at timestamptz;
UPDATE session SET last_seen_at = greatest(created_at, now());
ALTER TABLE session ALTER COLUMN last_seen_at SET NOT NULL;
ALTER TABLE api_token ADD COLUMN expires_at timestamptz, ADD COLUMN last_used_at timestamptz;
UPDATE api_token SET expires_at = greatest(created_at, now()) + interval '365 days';
ALTER TABLE api_token ALTER COLUMN expires_at SET NOT NULL;
"""


async def forwards() -> MigrationManager:
    """Add the columns and fill them for what is there."""
    return executing(ID, "server", DESCRIPTION, LIVES)
