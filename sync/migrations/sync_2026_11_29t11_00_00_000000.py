"""What changed is moved in feeds as they are once it is the account's turn."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-29T11:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "a function that moves what changed to the end of feeds"

#: In one statement the second update would see the feed as it was before the first one waited.
#: Each statement of a function in PL/pgSQL sees what was committed when it begins.
TOUCH = """
CREATE FUNCTION feed_touch(
  of_account bigint, kinds text[], ids text[], moved_at timestamptz
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  base bigint;
BEGIN
  UPDATE feed_head h SET position = h.position + cardinality(ids)
  WHERE h.account = of_account RETURNING h.position - cardinality(ids) INTO base;
  UPDATE feed f SET position = base + w.place, changed_at = moved_at
  FROM unnest(kinds, ids) WITH ORDINALITY AS w(kind, id, place)
  WHERE f.account = of_account AND f.kind = w.kind AND f.id = w.id AND NOT f.deleted;
END $$;
REVOKE EXECUTE ON FUNCTION feed_touch(bigint, text[], text[], timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION feed_touch(bigint, text[], text[], timestamptz)
  TO retour_api, retour_worker;
"""


async def forwards() -> MigrationManager:
    """Add the function."""
    return executing(ID, "sync", DESCRIPTION, TOUCH)
