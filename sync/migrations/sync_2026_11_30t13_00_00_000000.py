"""Tasks are found by phone number, type and tags, and by their technician's e-mail address.

A type's names are texts of their own, as a technician's name is: renaming one rewrites no task. So
tasks need an index by type, which costs intake about as much as that by technician.

Texts are brought up to date before a table is locked, and once more for what changed meanwhile. It
takes half a minute for 10^6 customers with a phone number, a quarter of one for as many tasks with
tags, and two seconds for the index. From the second look on, writers of tasks, customers,
locations, types and users wait until all migrations are done; readers do not.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T13:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "search by phone number, type, tag and the technician's address"

#: A phone number is there as it is written, for whoever copies it, and by its digits.
FORMS = r"""
CREATE FUNCTION phone_form(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT regexp_replace(replace(search_form($1), '(0)', ''), '[^0-9]+', '', 'g')
$$;
CREATE OR REPLACE FUNCTION text_to_search(task) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT search_form(concat_ws(E'\n', $1.title, $1.external_id, $1.contact_email,
  nullif(array_to_string($1.tags, E'\n'), '')))
$$;
CREATE OR REPLACE FUNCTION text_to_search(customer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT search_form(concat_ws(E'\n', $1.name, $1.email, $1.phone, phone_form($1.phone),
  nullif(array_to_string($1.tags, E'\n'), '')))
$$;
CREATE OR REPLACE FUNCTION text_to_search(location) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT search_form(concat_ws(E'\n', $1.name, $1.address, $1.email, $1.phone,
  phone_form($1.phone)))
$$;
CREATE OR REPLACE FUNCTION text_to_search(app_user) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT search_form(concat_ws(E'\n', $1.name, $1.email))
$$;
CREATE FUNCTION text_to_search(task_type) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
SELECT search_form(concat_ws(E'\n', $1.name,
  (SELECT string_agg(value, E'\n' ORDER BY key) FROM jsonb_each_text($1.names))))
$$;
"""

UP_TO_DATE = """
UPDATE searched_text s SET text = text_to_search(t) FROM task t
WHERE s.kind = 'task' AND (s.account, s.id) = (t.account, t.id) AND s.text <> text_to_search(t);
UPDATE searched_text s SET text = text_to_search(c) FROM customer c
WHERE s.kind = 'customer' AND (s.account, s.id) = (c.account, c.id)
  AND s.text <> text_to_search(c);
UPDATE searched_text s SET text = text_to_search(l) FROM location l
WHERE s.kind = 'location' AND (s.account, s.id) = (l.account, l.id)
  AND s.text <> text_to_search(l);
UPDATE searched_text s SET text = text_to_search(u) FROM app_user u
WHERE s.kind = 'app_user' AND (s.account, s.id) = (u.account, u.id)
  AND s.text <> text_to_search(u);
"""

FOLLOW = """
CREATE OR REPLACE TRIGGER searched_text_of_changed
  AFTER UPDATE OF title, external_id, contact_email, tags ON task FOR EACH ROW
  WHEN ((OLD.title, OLD.external_id, OLD.contact_email, OLD.tags)
    IS DISTINCT FROM (NEW.title, NEW.external_id, NEW.contact_email, NEW.tags))
  EXECUTE FUNCTION keep_searched_text();
CREATE OR REPLACE TRIGGER searched_text_of_changed
  AFTER UPDATE OF name, email, phone, tags ON customer FOR EACH ROW
  WHEN ((OLD.name, OLD.email, OLD.phone, OLD.tags)
    IS DISTINCT FROM (NEW.name, NEW.email, NEW.phone, NEW.tags))
  EXECUTE FUNCTION keep_searched_text();
CREATE OR REPLACE TRIGGER searched_text_of_changed
  AFTER UPDATE OF name, address, email, phone ON location FOR EACH ROW
  WHEN ((OLD.name, OLD.address, OLD.email, OLD.phone)
    IS DISTINCT FROM (NEW.name, NEW.address, NEW.email, NEW.phone))
  EXECUTE FUNCTION keep_searched_text();
CREATE OR REPLACE TRIGGER searched_text_of_changed
  AFTER UPDATE OF name, email ON app_user FOR EACH ROW
  WHEN ((OLD.name, OLD.email) IS DISTINCT FROM (NEW.name, NEW.email))
  EXECUTE FUNCTION keep_searched_text();
CREATE TRIGGER searched_text_of_new AFTER INSERT ON task_type
  FOR EACH ROW EXECUTE FUNCTION keep_searched_text();
CREATE TRIGGER searched_text_of_changed AFTER UPDATE OF name, names ON task_type FOR EACH ROW
  WHEN ((OLD.name, OLD.names) IS DISTINCT FROM (NEW.name, NEW.names))
  EXECUTE FUNCTION keep_searched_text();
"""

TYPES = """
ALTER TABLE searched_text DROP CONSTRAINT searched_text_kind_check;
ALTER TABLE searched_text ADD CONSTRAINT searched_text_kind_check
  CHECK (kind IN ('task', 'customer', 'location', 'app_user', 'task_type')) NOT VALID;
INSERT INTO searched_text SELECT account, 'task_type', id, text_to_search(y) FROM task_type y;
CREATE INDEX task_by_type ON task (account, type);
"""


async def forwards() -> MigrationManager:
    """Bring texts up to date, keep them so, look again, and add those of types."""
    return executing(ID, "sync", DESCRIPTION, FORMS, UP_TO_DATE, FOLLOW, UP_TO_DATE, TYPES)
