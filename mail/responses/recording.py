"""Keeps what customers say: the answer as it stands, its values, and its versions.

Of an answer that is changed again and again the first version and the last `LAST_VERSIONS` are
kept; the numbers of the versions go on, so that the last one is also their count.
"""

from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.definition import Sentiment
from mail.responses.answer_body import Body, decode_body, encode_body
from sync.database import Tx

#: Versions of one answer that are kept beside the first.
LAST_VERSIONS: Final = 19

#: Whom it is about is what the transition says for which the customer was asked; where they were
#: asked for none, what they are to the company.
_FIRST: Final = """
INSERT INTO answer (account, invitation, task, campaign, version, not_me, call_back, language,
  lead_kind, lead_value, sentiment, day, versions, first_answered_at, answered_at,
  unit, technician, account_manager, type, channel)
SELECT i.account, i.id, i.task, i.campaign, i.version, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10,
  CASE WHEN i.task IS NULL THEN c.unit ELSE t.unit END, i.technician,
  CASE WHEN i.task IS NULL THEN c.account_manager ELSE t.account_manager END, t.type, t.channel
FROM invitation i
LEFT JOIN transition t ON (t.account, t.id) = (i.account, i.transition)
LEFT JOIN customer c ON (c.account, c.id) = (i.account, i.customer)
WHERE i.account = $1 AND i.id = $2
ON CONFLICT (account, invitation) DO NOTHING
"""

_HOLD: Final = """
SELECT versions FROM answer WHERE account = $1 AND invitation = $2 FOR NO KEY UPDATE
"""

_LAST: Final = """
SELECT body FROM answer_version WHERE account = $1 AND invitation = $2 AND version = $3
"""

_CHANGE: Final = """
UPDATE answer SET not_me = $3, call_back = $4, language = $5, lead_kind = $6, lead_value = $7,
  sentiment = $8, day = $9, answered_at = $10, versions = versions + 1
WHERE account = $1 AND invitation = $2
"""

_CLEAR: Final = "DELETE FROM answer_value WHERE account = $1 AND invitation = $2"

_VALUES: Final = """
INSERT INTO answer_value (account, invitation, question, kind, value, choices, text)
SELECT $1, $2, said.key, v.kind, v.value, v.choices, v.text
FROM jsonb_each($3::jsonb -> 'values') AS said,
  jsonb_to_record(said.value) AS v (kind text, value smallint, choices text[], text text)
"""

_VERSION: Final = """
INSERT INTO answer_version (account, invitation, version, body, answered_at)
VALUES ($1, $2, $4, $3, $5)
"""

_FORGET: Final = """
DELETE FROM answer_version
WHERE account = $1 AND invitation = $2 AND version > 1 AND version <= $3
"""


class Recorded(Struct, frozen=True, tag=True):
    """The answer is kept as its version `version`. `changed`: false for the same thing again."""

    version: int
    changed: bool


async def record(
    tx: Tx, invitation: UUID, body: Body, sentiment: Sentiment | None, zone: str
) -> Recorded:
    """Keep `body` as what was answered last, unless that said the same in whatever language.

    `sentiment`: what the leading value says, None without one. `zone`: the account's, IANA.
    """
    if await tx.execute(_FIRST, tx.account, invitation, *_whole(body, sentiment, tx.now, zone)):
        await _keep(tx, invitation, body, 1)
        return Recorded(1, changed=True)
    versions = await tx.fetchval(_HOLD, tx.account, invitation)
    last = decode_body(await tx.fetchval(_LAST, tx.account, invitation, versions))
    if replace(last, language=body.language) == body:
        return Recorded(versions, changed=False)
    await tx.execute(_CHANGE, tx.account, invitation, *_whole(body, sentiment, tx.now, zone))
    await tx.execute(_CLEAR, tx.account, invitation)
    await _keep(tx, invitation, body, versions + 1)
    return Recorded(versions + 1, changed=True)


def _whole(body: Body, sentiment: Sentiment | None, now: datetime, zone: str) -> tuple[object, ...]:
    """The columns of the answer on the whole."""
    return (
        body.not_me,
        body.call_back,
        body.language,
        body.lead.kind,
        body.lead.value,
        sentiment,
        now.astimezone(ZoneInfo(zone)).date(),
        now,
    )


async def _keep(tx: Tx, invitation: UUID, body: Body, version: int) -> None:
    said = encode_body(body).decode()
    await tx.execute(_VALUES, tx.account, invitation, said)
    await tx.execute(_VERSION, tx.account, invitation, said, version, tx.now)
    if version > LAST_VERSIONS + 1:
        await tx.execute(_FORGET, tx.account, invitation, version - LAST_VERSIONS)
