"""An invitation may be about no visit, and knows its customer; an answer of it may have no unit."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.tables.schema import executing

ID = "2026-11-30T01:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "invitations of customers, and of tasks with the customer of their transition"

COLUMNS = """
ALTER TABLE invitation
  ADD kind text NOT NULL DEFAULT 'task',
  ADD customer uuid,
  ADD period date,
  ADD manual boolean NOT NULL DEFAULT false,
  ALTER task DROP NOT NULL,
  ALTER round DROP NOT NULL,
  ALTER transition DROP NOT NULL,
  ALTER technician DROP NOT NULL,
  DROP CONSTRAINT invitation_account_campaign_task_round_key;
ALTER TABLE invitation ALTER kind DROP DEFAULT, ALTER manual DROP DEFAULT;
"""

#: The table is written anew by PostgreSQL: an UPDATE of all rows takes three times as long, and
#: leaves each of them twice.
CUSTOMERS = """
CREATE FUNCTION pg_temp.customer_of(account bigint, transition uuid) RETURNS uuid
LANGUAGE sql STABLE AS $$
  SELECT t.customer FROM public.transition t WHERE (t.account, t.id) = ($1, $2)
$$;
ALTER TABLE invitation
  ALTER customer TYPE uuid USING pg_temp.customer_of(account, transition);
DROP FUNCTION pg_temp.customer_of;
"""

KEYS = """
ALTER TABLE invitation
  ADD CHECK (CASE kind
    WHEN 'task' THEN num_nulls(task, round, transition, technician) = 0 AND period IS NULL
    WHEN 'relational' THEN num_nulls(customer, period) = 0 AND NOT manual
      AND num_nonnulls(task, round, transition, technician, rearm_transition) = 0
    ELSE false END),
  ADD FOREIGN KEY (account, customer) REFERENCES customer;
CREATE UNIQUE INDEX invitation_of_task ON invitation (account, campaign, task, round)
  WHERE task IS NOT NULL;
CREATE UNIQUE INDEX invitation_of_period ON invitation (account, campaign, customer, period)
  WHERE period IS NOT NULL;
"""

ANSWERS = """
ALTER TABLE answer ALTER unit DROP NOT NULL;
ALTER TABLE answer ADD CHECK (task IS NULL OR unit IS NOT NULL);
"""


async def forwards() -> MigrationManager:
    """Say of each invitation there is that it is about a task, and of which customer."""
    return executing(ID, "mail", DESCRIPTION, COLUMNS, CUSTOMERS, KEYS, ANSWERS)
