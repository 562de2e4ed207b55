"""Stored answers: the current one, its values, and its versions, each as one document.

Of an answer with many versions the first and the last `LAST_VERSIONS` are stored. Their numbers are
not reused, so the last one is also how many there were.
"""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.questions import LEAD, NPS, QuestionKind
from rules.questions.scales import Sentiment
from sync.database import Tx

#: Versions of one answer that are stored beside the first.
LAST_VERSIONS: Final = 19

#: Unit, account manager and so on are those of the transition; of a relational invitation those of
#: the customer.
_INSERT: Final = """
INSERT INTO answer (account, invitation, task, campaign, version, not_me, call_back, language,
  lead_kind, lead_value, sentiment, day, versions, first_answered_at, answered_at, phone, nps,
  contact, unit, technician, account_manager, type, channel)
SELECT i.account, i.id, i.task, i.campaign, i.version, $3, $4, $5, $6, $7, $8, $9, 1, $10, $10,
  nullif($11, ''), $12, $13,
  CASE WHEN i.task IS NULL THEN c.unit ELSE t.unit END, i.technician,
  CASE WHEN i.task IS NULL THEN c.account_manager ELSE t.account_manager END, t.type, t.channel
FROM invitation i
LEFT JOIN transition t ON (t.account, t.id) = (i.account, i.transition)
LEFT JOIN customer c ON (c.account, c.id) = (i.account, i.customer)
WHERE i.account = $1 AND i.id = $2
ON CONFLICT (account, invitation) DO NOTHING
"""

_LOCK: Final = """
SELECT versions, contact FROM answer WHERE account = $1 AND invitation = $2 FOR NO KEY UPDATE
"""

_LAST: Final = """
SELECT body FROM answer_version WHERE account = $1 AND invitation = $2 AND version = $3
"""

_UPDATE: Final = """
UPDATE answer SET not_me = $3, call_back = $4, language = $5, lead_kind = $6, lead_value = $7,
  sentiment = $8, day = $9, answered_at = $10, phone = nullif($11, ''), nps = $12,
  versions = versions + 1
WHERE account = $1 AND invitation = $2
"""

_DELETE_VALUES: Final = "DELETE FROM answer_value WHERE account = $1 AND invitation = $2"

_ADD_VALUES: Final = """
INSERT INTO answer_value (account, invitation, question, kind, value, choices, text)
SELECT $1, $2, item.key, v.kind, v.value, v.choices, v.text
FROM jsonb_each($3::jsonb -> 'values') AS item,
  jsonb_to_record(item.value) AS v (kind text, value smallint, choices text[], text text)
"""

_ADD_VERSION: Final = """
INSERT INTO answer_version (account, invitation, version, body, answered_at)
VALUES ($1, $2, $4, $3, $5)
"""

_PRUNE: Final = """
DELETE FROM answer_version
WHERE account = $1 AND invitation = $2 AND version > 1 AND version <= $3
"""


class Value(Struct, frozen=True, kw_only=True):
    """The answer to one question.

    `value`: on its scale; None if none was chosen. `choices`: codes of the campaign; for a rating
    the reasons. `text`: for a rating the comment; empty if there is none.
    """

    kind: QuestionKind
    value: int | None
    choices: list[str]
    text: str


class Body(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version of an answer. `values`: by the keys of questions, at least the leading one.

    `phone`: where to call back, as typed; empty where no call is asked for.
    """

    values: Mapping[str, Value]
    not_me: bool
    call_back: bool
    language: str
    phone: str = ""

    @property
    def lead(self) -> Value:
        """The answer to the leading question."""
        return self.values[LEAD]

    @property
    def further(self) -> dict[str, Value]:
        """The answers to the other questions, by their keys."""
        return {key: value for key, value in self.values.items() if key != LEAD}

    @property
    def nps(self) -> int | None:
        """The likelihood to recommend: of the leading question, or of another one.

        Of several others it is the one that the campaign measures, else that of the first key.
        """
        if self.lead.kind == "nps":
            return self.lead.value
        found = {key: value.value for key, value in self.further.items() if value.kind == "nps"}
        return found.get(NPS, found[min(found)] if found else None)


#: Decode and encode the stored document of a version.
decode_body: Final = msgspec.json.Decoder(Body).decode
encode_body: Final = msgspec.json.Encoder().encode


class Recorded(Struct, frozen=True, tag=True):
    """An answer is stored as its version `version`. `changed`: false for the same answer again."""

    version: int
    changed: bool


class Theirs(Struct, frozen=True, tag=True):
    """Whoever reads another address has answered; nothing was stored."""


class Author(Struct, frozen=True):
    """Who answers. `contact`: None at the address that the first mail went to."""

    invitation: UUID
    contact: UUID | None


async def record(
    tx: Tx,
    author: Author,
    body: Body,
    sentiment: Sentiment | None,
    zone: str,
    kept: Collection[str] = (),
) -> tuple[Recorded, Body, Body | None] | Theirs:
    """Store `body` as the current answer, unless it differs from that in language only.

    `sentiment`: of the leading value, None without one. `zone`: the account's, IANA. `kept`: the
    keys of questions whose stored answers stay. Returns the answer as it is now and as it was
    before; None for the first.
    """
    invitation = author.invitation
    lead, day = body.lead, tx.now.astimezone(ZoneInfo(zone)).date()
    said = (body.not_me, body.call_back, body.language, lead.kind, lead.value)
    columns = (*said, sentiment, day, tx.now, body.phone)
    if await tx.execute(_INSERT, tx.account, invitation, *columns, body.nps, author.contact):
        await _add_version(tx, invitation, body, 1)
        return Recorded(1, changed=True), body, None
    stored = await tx.fetchrow(_LOCK, tx.account, invitation)
    assert stored is not None  # noqa: S101 - answers are not deleted
    if stored["contact"] != author.contact:
        return Theirs()
    versions = stored["versions"]
    last = decode_body(await tx.fetchval(_LAST, tx.account, invitation, versions))
    staying = {key: value for key, value in last.further.items() if key in kept}
    body = replace(body, values={**body.values, **staying})
    if replace(last, language=body.language) == body:
        return Recorded(versions, changed=False), last, last
    await tx.execute(_UPDATE, tx.account, invitation, *columns, body.nps)
    await tx.execute(_DELETE_VALUES, tx.account, invitation)
    await _add_version(tx, invitation, body, versions + 1)
    return Recorded(versions + 1, changed=True), body, last


async def _add_version(tx: Tx, invitation: UUID, body: Body, version: int) -> None:
    document = encode_body(body).decode()
    await tx.execute(_ADD_VALUES, tx.account, invitation, document)
    await tx.execute(_ADD_VERSION, tx.account, invitation, document, version, tx.now)
    if version > LAST_VERSIONS + 1:
        await tx.execute(_PRUNE, tx.account, invitation, version - LAST_VERSIONS)
