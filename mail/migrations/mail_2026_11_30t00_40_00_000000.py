"""A position that moves with surveys and answers, for pages that follow them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T00:40:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "how far an account's surveys and answers are"

TABLE = """
CREATE TABLE mail_head (
  account bigint PRIMARY KEY REFERENCES account,
  position bigint NOT NULL
);
SELECT retour_protect('mail_head', 'SELECT, INSERT, UPDATE');
"""

#: Of all accounts asked for, without their scope: numbers that say nothing but "moved".
HEADS = """
CREATE FUNCTION mail_heads(accounts bigint[])
RETURNS TABLE (account bigint, "position" bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT h.account, h.position FROM mail_head h WHERE h.account = ANY(accounts)
$$;
REVOKE EXECUTE ON FUNCTION mail_heads(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mail_heads(bigint[]) TO retour_api;
"""


async def forwards() -> MigrationManager:
    """Add the table and the function; whoever follows reads 0 until something happens."""
    return executing(ID, "mail", DESCRIPTION, TABLE, HEADS)
