"""What people search for stands in a table of its own, with an index of every part of a word."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T00:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the texts of tasks, customers and locations, to be searched by any part of a word"

#: One text for the kind's record: each names what of it is searched, and nothing else does.
#: In the form that is compared, letters have no case, no accents and no ligatures.
TEXTS = r"""
CREATE FUNCTION search_form(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT translate(replace(replace(
  lower(regexp_replace(normalize($1, NFKD), U&'[\0300-\036F]+', '', 'g')),
  'œ', 'oe'), 'æ', 'ae'), U&'\2019\2018\02BC\2010\2011øł', '''''''--ol')
$$;
CREATE FUNCTION text_to_search(task) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT search_form(concat_ws(E'\n', $1.title, $1.external_id))
$$;
CREATE FUNCTION text_to_search(customer) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT search_form($1.name)
$$;
CREATE FUNCTION text_to_search(location) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT search_form(concat_ws(E'\n', $1.name, $1.address))
$$;
CREATE TABLE searched_text (
  account bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('task', 'customer', 'location')),
  id uuid NOT NULL,
  text text NOT NULL
);
INSERT INTO searched_text SELECT account, 'task', id, text_to_search(t) FROM task t;
INSERT INTO searched_text SELECT account, 'customer', id, text_to_search(c) FROM customer c;
INSERT INTO searched_text SELECT account, 'location', id, text_to_search(l) FROM location l;
ALTER TABLE searched_text ADD PRIMARY KEY (account, kind, id);
SELECT retour_protect('searched_text', 'SELECT, INSERT, UPDATE');
"""

#: Whoever writes a record writes its text with it. A push says other columns of a task than these,
#: and so wakes no trigger.
FOLLOW = """
CREATE FUNCTION keep_searched_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO searched_text AS s (account, kind, id, text)
  VALUES (NEW.account, TG_TABLE_NAME, NEW.id, text_to_search(NEW))
  ON CONFLICT (account, kind, id) DO UPDATE SET text = EXCLUDED.text WHERE s.text <> EXCLUDED.text;
  RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION keep_searched_text() FROM PUBLIC;
CREATE TRIGGER searched_text_of_new AFTER INSERT ON task
  FOR EACH ROW EXECUTE FUNCTION keep_searched_text();
CREATE TRIGGER searched_text_of_new AFTER INSERT ON customer
  FOR EACH ROW EXECUTE FUNCTION keep_searched_text();
CREATE TRIGGER searched_text_of_new AFTER INSERT ON location
  FOR EACH ROW EXECUTE FUNCTION keep_searched_text();
CREATE TRIGGER searched_text_of_changed AFTER UPDATE OF title, external_id ON task FOR EACH ROW
  WHEN ((OLD.title, OLD.external_id) IS DISTINCT FROM (NEW.title, NEW.external_id))
  EXECUTE FUNCTION keep_searched_text();
CREATE TRIGGER searched_text_of_changed AFTER UPDATE OF name ON customer FOR EACH ROW
  WHEN (OLD.name <> NEW.name) EXECUTE FUNCTION keep_searched_text();
CREATE TRIGGER searched_text_of_changed AFTER UPDATE OF name, address ON location FOR EACH ROW
  WHEN ((OLD.name, OLD.address) IS DISTINCT FROM (NEW.name, NEW.address))
  EXECUTE FUNCTION keep_searched_text();
"""

#: Parts of a text are each three letters that follow each other, and what is left at its end,
#: behind the account: beside a number a text is indexed by extensions only, which not everybody
#: has. It is cut from its first, second and third letter on; letter by letter takes twice as long.
#: A word is where all its threes are; a shorter one where it begins a part.
#: Entries that wait to be sorted in are read by every search: they are to be few (kB).
INDEX = r"""
CREATE FUNCTION search_parts(of_account bigint, of_text text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT array_to_tsvector(string_to_array(of_account::text || ':' || replace(
  regexp_replace(of_text, '(...)', E'\\1\x01', 'g') || E'\x01'
    || regexp_replace(substr(of_text, 2), '(...)', E'\\1\x01', 'g') || E'\x01'
    || regexp_replace(substr(of_text, 3), '(...)', E'\\1\x01', 'g'),
  E'\x01', E'\x01' || of_account::text || ':'), E'\x01'))
$$;
CREATE FUNCTION search_query(of_account bigint, word text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT string_agg('''' || of_account::text || ':'
  || replace(replace(substr(word, place, 3), '\', '\\'), '''', '''''') || ''':*', ' & ')::tsquery
FROM generate_series(1, greatest(length(word) - 2, 1)) AS place
$$;
CREATE INDEX searched_text_by_part ON searched_text USING gin (search_parts(account, text))
  WITH (gin_pending_list_limit = 512);
"""

#: No index of texts serves whom a policy fences: its operators may say what they see of others'
#: rows. So the owner looks, in the account of the scope alone; without one it is an error.
#: That it is the account + 0 leaves no way but by the parts.
LOOK = """
CREATE FUNCTION search_things(word text, most bigint) RETURNS TABLE (kind text, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET enable_seqscan = off AS $$
SELECT kind, id FROM searched_text
WHERE search_parts(account, text) @@ search_query(current_setting('retour.account')::bigint, word)
  AND account + 0 = current_setting('retour.account')::bigint AND strpos(text, word) > 0
LIMIT most
$$;
REVOKE EXECUTE ON FUNCTION search_things(text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_things(text, bigint) TO retour_api;
"""


async def forwards() -> MigrationManager:
    """Write the texts of all there is, keep them from now on, then make the index."""
    return executing(ID, "sync", DESCRIPTION, TEXTS, FOLLOW, INDEX, LOOK)
