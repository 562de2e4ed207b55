"""One row knows both links of a mail: the secret of the one to leave is made of the survey's.

What is kept is the SHA-256 of that. So a survey's link of before is known by the SHA-256 of what
was kept of it, and one to leave by what was kept.

A copy of the database from before this, a backup say, therefore holds links to leave of the mails
that went until then: whoever reads it could unsubscribe whom it names, and no more.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T03:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "one row for both links of a mail"

#: Written anew by PostgreSQL, once.
LINKS = """
ALTER TABLE link
  ALTER token_hash TYPE bytea
    USING CASE purpose WHEN 'survey' THEN sha256(token_hash) ELSE token_hash END,
  DROP purpose;
"""

#: A mail that is tried again says another link to leave than before; both work.
QUEUE = "ALTER TABLE outbox DROP unsubscribe_token"


async def forwards() -> MigrationManager:
    """Every link that was sent goes on working."""
    return executing(ID, "mail", DESCRIPTION, LINKS, QUEUE)
