"""Contacts are known by ids and hashed addresses, and every mail to one is a row: its use.

Mute windows were one row for each address and campaign, written over by the next mail. They are
the last use of a campaign now. Mails of before are kept as what they would have written.
"""

import hmac
import secrets
from typing import TYPE_CHECKING, Final

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from sync.database import DB
from sync.ids import new_id

if TYPE_CHECKING:
    from sync.connections import Connection

ID = "2026-11-30T01:05:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "contacts by id and hashed address, and their uses in place of mute windows"

#: The names of their keys are given anew below.
TABLES: Final = """
ALTER TABLE contact RENAME TO contact_before;
ALTER TABLE mute RENAME TO mute_before;
CREATE TEMP TABLE contact_hashed (account bigint, id uuid, address text, address_key bytea)
  ON COMMIT DROP;

CREATE TABLE contact_key (
  account bigint PRIMARY KEY REFERENCES account,
  secret bytea NOT NULL CHECK (octet_length(secret) = 32)
);

CREATE TABLE contact (
  account bigint NOT NULL,
  id uuid NOT NULL,
  address text,
  address_key bytea NOT NULL,
  suppressed text,
  suppressed_at timestamptz,
  full_since timestamptz,
  full_visits uuid[]
);

CREATE TABLE contact_use (
  account bigint NOT NULL,
  contact uuid NOT NULL,
  invitation uuid NOT NULL,
  campaign uuid NOT NULL,
  priority smallint,
  confirmed boolean NOT NULL,
  counted_from timestamptz NOT NULL
);
"""

#: What was sent promptly counts from its release, and what is on its way as if it were sent now.
#: What waits without a window gets its row with its next attempt.
FILL: Final = """
INSERT INTO contact (account, id, address, address_key, suppressed, suppressed_at, full_since,
  full_visits)
SELECT b.account, h.id, b.address, h.address_key, b.suppressed, b.suppressed_at, b.full_since,
  b.full_visits
FROM contact_before b JOIN contact_hashed h USING (account, address);

INSERT INTO contact_use (account, contact, invitation, campaign, confirmed, counted_from)
SELECT i.account, h.id, i.id, i.campaign, coalesce(m.confirmed, i.sent_at IS NOT NULL),
  CASE WHEN m.confirmed THEN m.counted_from
    WHEN began.at > i.release + interval '15 minutes' THEN began.at ELSE i.release END
FROM invitation i
LEFT JOIN mute_before m ON (m.account, m.invitation) = (i.account, i.id)
LEFT JOIN outbox o ON (o.account, o.invitation) = (i.account, i.id)
JOIN contact_hashed h ON (h.account, h.address) = (i.account, coalesce(m.address, i.address))
CROSS JOIN LATERAL (SELECT coalesce(i.sent_at, o.first_tried_at)) AS began (at)
WHERE m.invitation IS NOT NULL OR i.sent_at IS NOT NULL OR o.phase IN ('claimed', 'data');

DROP TABLE mute_before, contact_before;
"""

#: Uses have no keys to other tables, whose checks are paid for each mail: the links of a mail hold
#: its invitation, which holds account and campaign, and no running role may delete a contact.
KEYS: Final = """
ALTER TABLE contact
  ADD PRIMARY KEY (account, id),
  ADD UNIQUE (account, address_key),
  ADD FOREIGN KEY (account) REFERENCES account,
  ADD CHECK (octet_length(address_key) = 32),
  ADD CHECK (suppressed IN ('unsubscribed', 'bounced', 'full')),
  ADD CHECK ((full_since IS NULL) = (full_visits IS NULL));
CREATE INDEX contact_full ON contact (account, id) WHERE full_since IS NOT NULL;
ALTER TABLE contact_use ADD PRIMARY KEY (account, invitation);
CREATE INDEX contact_use_last ON contact_use (account, contact, campaign, counted_from);
"""

RIGHTS: Final = """
SELECT retour_protect('contact_key', 'SELECT, INSERT');
SELECT retour_protect('contact', 'SELECT, INSERT, UPDATE');
SELECT retour_protect('contact_use', 'SELECT, INSERT, UPDATE, DELETE');
"""

#: Addresses that are hashed at once.
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
    await connection.execute(TABLES)
    await hash_addresses(connection)
    for script in (FILL, KEYS, RIGHTS):
        await connection.execute(script)


async def hash_addresses(connection: "Connection") -> None:
    """Give each account a key, and each contact an id and the hash of its address under it."""
    accounts = await connection.fetch("SELECT account FROM account")
    keys = {row["account"]: secrets.token_bytes(32) for row in accounts}
    await connection.copy_records_to_table("contact_key", records=keys.items())
    await connection.execute("DECLARE known CURSOR FOR SELECT account, address FROM contact_before")
    while rows := await connection.fetch(f"FETCH {CHUNK} FROM known"):
        hashed = [
            (
                row["account"],
                new_id(),
                row["address"],
                hmac.digest(keys[row["account"]], row["address"].encode(), "sha256"),
            )
            for row in rows
        ]
        await connection.copy_records_to_table("contact_hashed", records=hashed)
    await connection.execute("CLOSE known")  # or its table counts as in use
    await connection.execute("ANALYZE contact_hashed")
