"""Answers are remade: what was said to each question in rows of its own, whom it is about frozen.

The tables are written anew and lose no row and no version. Only the day of an answer is told here
and not by PostgreSQL, which may be built without the older names of zones.
"""

from datetime import date, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.database import DB

if TYPE_CHECKING:
    from sync.connections import Connection

ID = "2026-11-29T23:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "answers by question, with whom they are about, their day and their count"

#: The names of their keys are given anew below.
MOVE_AWAY: Final = """
ALTER TABLE answer RENAME TO answer_before;
ALTER TABLE answer_version RENAME TO answer_version_before;
ALTER TABLE task_result RENAME TO task_result_before;
CREATE TEMP TABLE answer_day (account bigint, invitation uuid, day date) ON COMMIT DROP;
"""

TABLES: Final = """
CREATE TABLE answer (
  account bigint NOT NULL,
  invitation uuid NOT NULL,
  task uuid,
  campaign uuid NOT NULL,
  version integer NOT NULL,
  not_me boolean NOT NULL,
  call_back boolean NOT NULL,
  phone text,
  language text NOT NULL,
  lead_kind text NOT NULL,
  lead_value smallint,
  nps smallint,
  sentiment text,
  unit uuid NOT NULL,
  technician uuid,
  account_manager uuid,
  type uuid,
  channel text,
  segment text,
  day date NOT NULL,
  versions integer NOT NULL,
  first_answered_at timestamptz NOT NULL,
  answered_at timestamptz NOT NULL
);

CREATE TABLE answer_value (
  account bigint NOT NULL,
  invitation uuid NOT NULL,
  question text NOT NULL,
  kind text NOT NULL,
  value smallint,
  choices text[] NOT NULL,
  text text NOT NULL
);

CREATE TABLE answer_version (
  account bigint NOT NULL,
  invitation uuid NOT NULL,
  version integer NOT NULL,
  body jsonb NOT NULL,
  answered_at timestamptz NOT NULL
);

CREATE TABLE task_result (
  account bigint NOT NULL,
  task uuid NOT NULL,
  answers integer NOT NULL,
  lead_kind text,
  lead_value smallint,
  lead_mean numeric(5, 2),
  sentiment text,
  nps smallint,
  negative boolean NOT NULL,
  comments integer NOT NULL,
  call_back boolean NOT NULL,
  answered_at timestamptz,
  rolled_at timestamptz NOT NULL
);
"""

DATES: Final = """
SELECT b.account, b.invitation, b.answered_at, a.zone
FROM answer_before b JOIN account a ON a.account = b.account
"""

FILL: Final = """
INSERT INTO answer (account, invitation, task, campaign, version, not_me, call_back, language,
  lead_kind, lead_value, sentiment, unit, technician, account_manager, type, channel, day,
  versions, first_answered_at, answered_at)
SELECT b.account, b.invitation, b.task, b.campaign, b.version, b.not_me, b.call_back, b.language,
  'stars', b.rating, b.sentiment, t.unit, i.technician, t.account_manager, t.type, t.channel, d.day,
  v.versions, b.first_answered_at, b.answered_at
FROM answer_before b
JOIN invitation i ON (i.account, i.id) = (b.account, b.invitation)
JOIN transition t ON (t.account, t.id) = (i.account, i.transition)
JOIN answer_day d ON (d.account, d.invitation) = (b.account, b.invitation)
LEFT JOIN (SELECT account, invitation, max(version) AS versions FROM answer_version_before
  GROUP BY account, invitation) v ON (v.account, v.invitation) = (b.account, b.invitation);

INSERT INTO answer_value (account, invitation, question, kind, value, choices, text)
SELECT account, invitation, 'lead', 'stars', rating, reasons, comment FROM answer_before;

INSERT INTO answer_version (account, invitation, version, body, answered_at)
SELECT account, invitation, version, jsonb_build_object('not_me', not_me, 'call_back', call_back,
    'language', language, 'values', jsonb_build_object('lead', jsonb_build_object(
      'kind', 'stars', 'value', rating, 'choices', reasons, 'text', comment))), answered_at
FROM answer_version_before;

INSERT INTO task_result (account, task, answers, lead_kind, lead_value, lead_mean, sentiment,
  negative, comments, call_back, answered_at, rolled_at)
SELECT r.account, r.task, r.answers, CASE WHEN r.rating_last IS NOT NULL THEN 'stars' END,
  r.rating_last, r.rating_mean, l.sentiment, r.negative, r.comments, r.call_back, r.answered_at,
  r.rolled_at
FROM task_result_before r
LEFT JOIN (
  SELECT DISTINCT ON (account, task) account, task, rating, sentiment FROM answer_before
  WHERE NOT not_me AND rating IS NOT NULL
  ORDER BY account, task, answered_at DESC, invitation DESC
) l ON (l.account, l.task, l.rating) = (r.account, r.task, r.rating_last);

DROP TABLE answer_version_before, answer_before, task_result_before;
"""

#: Of each kind of question from its worst to its best; choices and texts have no value.
SCALE: Final = """(CASE {kind} WHEN 'thumbs' THEN {value} BETWEEN 0 AND 1
    WHEN 'stars' THEN {value} BETWEEN 1 AND 5 WHEN 'effort' THEN {value} BETWEEN 1 AND 7
    WHEN 'nps' THEN {value} BETWEEN 0 AND 10 ELSE {value} IS NULL END)"""

#: An answer about a task says whose visit it was, and of what type. The account needs no key of
#: its own: that of the invitation holds it.
KEYS: Final = f"""
ALTER TABLE answer
  ADD PRIMARY KEY (account, invitation),
  ADD CHECK (lead_kind IN ('thumbs', 'stars', 'effort', 'nps')),
  ADD CHECK {SCALE.format(kind="lead_kind", value="lead_value")},
  ADD CHECK (nps BETWEEN 0 AND 10),
  ADD CHECK (sentiment IN ('negative', 'neutral', 'positive')),
  ADD CHECK ((sentiment IS NULL) = (lead_value IS NULL)),
  ADD CHECK (task IS NULL OR num_nulls(technician, type) = 0),
  ADD CHECK (versions > 0),
  ADD FOREIGN KEY (account, invitation) REFERENCES invitation,
  ADD FOREIGN KEY (account, task) REFERENCES task,
  ADD FOREIGN KEY (account, campaign) REFERENCES campaign;
CREATE INDEX answer_by_task ON answer (account, task);
ALTER TABLE answer_value
  ADD PRIMARY KEY (account, invitation, question),
  ADD CHECK (kind IN ('thumbs', 'stars', 'effort', 'nps', 'choice', 'text')),
  ADD CHECK {SCALE.format(kind="kind", value="value")},
  ADD FOREIGN KEY (account, invitation) REFERENCES answer;
ALTER TABLE answer_version
  ADD PRIMARY KEY (account, invitation, version),
  ADD FOREIGN KEY (account, invitation) REFERENCES answer;
ALTER TABLE task_result
  ADD PRIMARY KEY (account, task),
  ADD FOREIGN KEY (account, task) REFERENCES task;
"""

RIGHTS: Final = """
SELECT retour_protect(t, 'SELECT, INSERT, UPDATE')
FROM unnest(ARRAY['answer', 'task_result']) AS t;
SELECT retour_protect(t, 'SELECT, INSERT, DELETE')
FROM unnest(ARRAY['answer_value', 'answer_version']) AS t;
"""

#: Answers whose day is told at once.
CHUNK: Final = 50_000


async def forwards() -> MigrationManager:
    """Write the tables anew from those that there were."""
    manager = MigrationManager(migration_id=ID, app_name="mail", description=DESCRIPTION)

    async def run() -> None:
        transaction = DB.current_transaction.get()
        assert transaction is not None  # noqa: S101 - migrations run in one
        await remake(transaction.connection)

    manager.add_raw(run)
    return manager


async def remake(connection: "Connection") -> None:
    """All of it, as the owner in a transaction."""
    await connection.execute(MOVE_AWAY)
    await tell_days(connection)
    for script in (TABLES, FILL, KEYS, RIGHTS):
        await connection.execute(script)


async def tell_days(connection: "Connection") -> None:
    """Say of each answer on which day of its account it was given last."""
    await connection.execute(f"DECLARE dated CURSOR FOR {DATES}")
    while rows := await connection.fetch(f"FETCH {CHUNK} FROM dated"):
        told = [
            (row["account"], row["invitation"], _day(row["answered_at"], row["zone"]))
            for row in rows
        ]
        await connection.copy_records_to_table("answer_day", records=told)
    await connection.execute("CLOSE dated")  # or its tables count as in use
    await connection.execute("ANALYZE answer_day")


def _day(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
