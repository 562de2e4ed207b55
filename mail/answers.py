"""What customers say: one answer for each invitation, with its versions.

Of an answer that is changed again and again the first version and the last `LAST_VERSIONS` are
kept; the numbers of the versions go on, so that the last one is also their count.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail.definition import BEST_RATING, Content, Sentiment, decode_content
from mail.delivery.recalling import recall_to
from mail.i18n import supported
from mail.surveys import (
    CurrentAnswer,
    Subscription,
    Survey,
    Visit,
    open_subscription,
    open_survey,
    referred,
    subscription,
)
from sync.database import Tx, run
from sync.ids import new_id

__all__ = [
    "Closed",
    "CurrentAnswer",
    "Invalid",
    "Outcome",
    "Recorded",
    "Submission",
    "Subscription",
    "Survey",
    "Visit",
    "open_subscription",
    "open_survey",
    "submit",
    "unsubscribe",
]

LONGEST_COMMENT: Final = 4000
#: Versions of one answer that are kept beside the first.
LAST_VERSIONS: Final = 19
#: What no text keeps: control characters, but for tabs and new lines.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")

Field: TypeAlias = Literal["rating", "reasons", "comment"]


class Submission(Struct, frozen=True, kw_only=True):
    """What a customer sent with the form.

    `rating`: 1 to 5; may be missing only with `not_me`. `reasons`: codes of the campaign, kept
    with a negative rating only. `language`: in which the page was read.
    """

    rating: int | None
    reasons: Sequence[str] = ()
    comment: str = ""
    not_me: bool = False
    call_back: bool = False
    language: str = ""


class Recorded(Struct, frozen=True, tag=True):
    """The answer is kept as its version `version`. `changed`: false for the same thing again."""

    version: int
    changed: bool


class Closed(Struct, frozen=True, tag=True):
    """The link is unknown or expired; nothing was kept."""


class Invalid(Struct, frozen=True, tag=True):
    """These fields must be put right; nothing was kept."""

    fields: list[Field]


Outcome: TypeAlias = Recorded | Closed | Invalid


class _Answer(Struct, frozen=True):
    """A submission as it is kept."""

    rating: int | None
    reasons: list[str]
    comment: str
    not_me: bool
    call_back: bool
    sentiment: Sentiment | None


_FIND: Final = """
SELECT i.id, i.task, i.campaign, i.version, v.content,
  coalesce(i.language, a.language) AS language
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
WHERE l.account = $1 AND l.token_hash = $2 AND l.purpose = 'survey'
  AND (i.deadline IS NULL OR i.deadline > $3)
"""

_FIRST: Final = """
INSERT INTO answer (account, invitation, task, campaign, version, rating, reasons, comment,
  not_me, call_back, language, sentiment, first_answered_at, answered_at)
VALUES ($1, $2, $10, $11, $12, $3, $4, $5, $6, $7, $8, $9, $13, $13)
ON CONFLICT (account, invitation) DO NOTHING
"""

_LAST: Final = """
SELECT rating, reasons, comment, not_me, call_back, sentiment
FROM answer WHERE account = $1 AND invitation = $2 FOR NO KEY UPDATE
"""

_VERSIONS: Final = """
SELECT max(version) FROM answer_version WHERE account = $1 AND invitation = $2
"""

_CHANGE: Final = """
UPDATE answer SET rating = $3, reasons = $4, comment = $5, not_me = $6, call_back = $7,
  language = $8, sentiment = $9, answered_at = $10
WHERE account = $1 AND invitation = $2
"""

_KEEP_VERSION: Final = """
INSERT INTO answer_version (account, invitation, rating, reasons, comment, not_me, call_back,
  language, version, answered_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_FORGET: Final = """
DELETE FROM answer_version
WHERE account = $1 AND invitation = $2 AND version > 1 AND version <= $3
"""

_ROLL_UP: Final = """
INSERT INTO rollup_change (account, task, changed_at, attempts, not_before)
VALUES ($1, $2, $3, 0, $3)
ON CONFLICT (account, task) DO UPDATE SET changed_at = excluded.changed_at,
  attempts = 0, not_before = excluded.not_before, quarantined_at = NULL, error = NULL
"""

_SUPPRESS: Final = """
INSERT INTO contact (account, address, suppressed, suppressed_at)
SELECT i.account, i.address, 'unsubscribed', $3
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
WHERE l.account = $1 AND l.token_hash = $2 AND l.purpose = 'unsubscribe'
  AND i.address IS NOT NULL
ON CONFLICT (account, address) DO UPDATE
SET suppressed = excluded.suppressed, suppressed_at = excluded.suppressed_at
WHERE contact.suppressed IS DISTINCT FROM 'unsubscribed'
RETURNING address
"""

_TELL: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt)
SELECT l.account, $3, l.invitation, 'unsubscribed', $4, 0
FROM link l WHERE l.account = $1 AND l.token_hash = $2
"""


async def submit(token: str, submission: Submission) -> Outcome:
    """Keep what a customer sent. The same again changes nothing; something else is a version.

    After `Recorded(changed=True)` the doorbell "rollup" wants ringing.
    """
    ref = referred(token)

    async def work(tx: Tx) -> Outcome:
        row = await tx.fetchrow(_FIND, ref.account, ref.hash, tx.now)
        if row is None:
            return Closed()
        content = decode_content(row["content"])
        wrong = _problems(submission, content)
        return Invalid(wrong) if wrong else await _record(tx, row, content, submission)

    return await run(ref.account, work)


async def unsubscribe(token: str) -> Subscription | None:
    """Leave the link's address alone from now on, whatever the campaign; None: unknown link.

    Again is no change. What already waits for this address is dropped at its release, and what a
    worker has claimed is taken back unless its content is on its way.
    """
    ref = referred(token)

    async def work(tx: Tx) -> Subscription | None:
        address = await tx.fetchval(_SUPPRESS, ref.account, ref.hash, tx.now)
        if address is not None:
            await recall_to(tx, address)
            await tx.execute(_TELL, ref.account, ref.hash, new_id(), tx.now)
        return await subscription(tx, ref)

    return await run(ref.account, work)


def _problems(submission: Submission, content: Content) -> list[Field]:
    rating = submission.rating
    known = {reason.code for reason in content.reasons}
    wrong: dict[Field, bool] = {
        "rating": not submission.not_me if rating is None else not 1 <= rating <= BEST_RATING,
        "reasons": not known.issuperset(submission.reasons),
        "comment": len(_cleaned(submission.comment)) > LONGEST_COMMENT,
    }
    return [field for field, is_wrong in wrong.items() if is_wrong]


def _kept(submission: Submission, content: Content) -> _Answer:
    rating = submission.rating
    sentiment = None if rating is None else content.sentiment(rating)
    chosen = set(submission.reasons) if sentiment == "negative" else set()
    return _Answer(
        rating=rating,
        reasons=[reason.code for reason in content.reasons if reason.code in chosen],
        comment=_cleaned(submission.comment),
        not_me=submission.not_me,
        call_back=submission.call_back,
        sentiment=sentiment,
    )


def _cleaned(comment: str) -> str:
    """As browsers count it: they send two characters for a new line."""
    lines = comment.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", lines).strip()


async def _record(
    tx: Tx, row: asyncpg.Record, content: Content, submission: Submission
) -> Recorded:
    answer = _kept(submission, content)
    language = supported(submission.language) or row["language"]
    said = (*_columns(answer), language)
    invitation: UUID = row["id"]
    asked = (row["task"], row["campaign"], row["version"])
    version = 1
    if not await tx.execute(
        _FIRST, tx.account, invitation, *said, answer.sentiment, *asked, tx.now
    ):
        before = await tx.fetchrow(_LAST, tx.account, invitation)
        versions = await tx.fetchval(_VERSIONS, tx.account, invitation)
        assert before is not None  # noqa: S101 - it stood in the way of ours
        if _said(before) == answer:
            return Recorded(versions, changed=False)
        version = versions + 1
        await tx.execute(_CHANGE, tx.account, invitation, *said, answer.sentiment, tx.now)
    await tx.execute(_KEEP_VERSION, tx.account, invitation, *said, version, tx.now)
    if version > LAST_VERSIONS + 1:
        await tx.execute(_FORGET, tx.account, invitation, version - LAST_VERSIONS)
    await tx.execute(_ROLL_UP, tx.account, row["task"], tx.now)
    return Recorded(version, changed=True)


def _columns(answer: _Answer) -> tuple[object, ...]:
    return (answer.rating, answer.reasons, answer.comment, answer.not_me, answer.call_back)


def _said(row: asyncpg.Record) -> _Answer:
    return _Answer(**row)
