"""What customers send: one answer for each invitation, or that they leave."""

import re
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail import contacts
from mail.campaigns.definition import BEST_RATING, Content, Sentiment
from mail.campaigns.formats import decode_content
from mail.i18n import locale_of
from mail.positions import ADVANCE
from mail.recall import lock_claims, recall_to
from mail.responses.answer_body import LEAD, Body, Value
from mail.responses.follow_ups import follow
from mail.responses.links import (
    CurrentAnswer,
    Subscription,
    Survey,
    Visit,
    open_subscription,
    open_survey,
    referred,
    subscription,
)
from mail.responses.recording import Recorded, record
from sync.database import Tx, run
from sync.ids import new_id
from sync.tokens import digest

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

#: Who opens follow-ups, in the record: whoever came with the survey's link.
CUSTOMER: Final = "customer"

LONGEST_COMMENT: Final = 4000
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


class Closed(Struct, frozen=True, tag=True):
    """The link is unknown or expired; nothing was kept."""


class Invalid(Struct, frozen=True, tag=True):
    """These fields must be put right; nothing was kept."""

    fields: list[Field]


Outcome: TypeAlias = Recorded | Closed | Invalid


_FIND: Final = """
SELECT i.id, v.content, v.format, coalesce(i.language, a.language) AS language, a.zone
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
WHERE l.account = $1 AND l.token_hash = $2
  AND (i.deadline IS NULL OR i.deadline > $3)
"""

_ROLL_UP: Final = """
INSERT INTO rollup_change (account, invitation, changed_at, attempts, not_before)
VALUES ($1, $2, $3, 0, $3)
ON CONFLICT (account, invitation) DO UPDATE SET changed_at = excluded.changed_at,
  attempts = 0, not_before = excluded.not_before, quarantined_at = NULL, error = NULL
"""

_LEAVING: Final = """
SELECT i.id, i.address
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
WHERE l.account = $1 AND l.token_hash = $2
"""

_TELL: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt)
VALUES ($1, $3, $2, 'unsubscribed', $4, 0)
"""


async def submit(token: str, submission: Submission) -> Outcome:
    """Keep what a customer sent. The same again changes nothing; something else is a version.

    After `Recorded(changed=True)` the doorbell "rollup" wants ringing.
    """
    ref = referred(token)

    async def work(tx: Tx) -> Outcome:
        row = await tx.fetchrow(_FIND, ref.account, digest(ref.hash), tx.now)
        if row is None:
            return Closed()
        content = decode_content(row["content"], row["format"])
        wrong = _problems(submission, content)
        return Invalid(wrong) if wrong else await _record(tx, row, content, submission)

    return await run(ref.account, work, CUSTOMER)


async def unsubscribe(token: str) -> Subscription | None:
    """Leave the link's address alone from now on, whatever the campaign; None: unknown link.

    That holds for an address that was erased, too. Again is no change. What already waits for it is
    dropped at its release, and what a worker has claimed is taken back unless its content is on its
    way.
    """
    ref = referred(token)

    async def work(tx: Tx) -> Subscription | None:
        row = await tx.fetchrow(_LEAVING, ref.account, ref.hash)
        if row is None:
            return None
        await _leave(tx, row["id"], row["address"])
        return await subscription(tx, ref)

    return await run(ref.account, work)


async def _leave(tx: Tx, invitation: UUID, address: str | None) -> None:
    """Turn, queue, contact, as everybody locks them: what is claimed cannot grow in between.

    `address`: the invitation's, None where it is erased.
    """
    contact = await contacts.contact_of(tx, invitation, address)
    if contact is not None and contact.suppressed == "unsubscribed":
        return  # who says so again waits for nobody
    await lock_claims(tx)
    contact = await contacts.contact_of(tx, invitation, address)
    if contact is not None:
        await recall_to(tx, contact.id)
    elif address is not None:
        contact = (await contacts.make(tx, [address]))[address]
    if contact is not None and await contacts.unsubscribe(tx, contact.id):
        await tx.execute(_TELL, tx.account, invitation, new_id(), tx.now)


def _problems(submission: Submission, content: Content) -> list[Field]:
    rating = submission.rating
    known = {reason.code for reason in content.lead.reasons}
    wrong: dict[Field, bool] = {
        "rating": not submission.not_me if rating is None else not 1 <= rating <= BEST_RATING,
        "reasons": not known.issuperset(submission.reasons),
        "comment": len(_cleaned(submission.comment)) > LONGEST_COMMENT,
    }
    return [field for field, is_wrong in wrong.items() if is_wrong]


def _body(submission: Submission, content: Content, language: str) -> Body:
    chosen = set(submission.reasons) if _sentiment(submission, content) == "negative" else set()
    lead = Value(
        kind=content.lead.kind,
        value=submission.rating,
        choices=[reason.code for reason in content.lead.reasons if reason.code in chosen],
        text=_cleaned(submission.comment),
    )
    return Body(
        values={LEAD: lead},
        not_me=submission.not_me,
        call_back=submission.call_back,
        language=locale_of(submission.language, language),
    )


def _sentiment(submission: Submission, content: Content) -> Sentiment | None:
    return None if submission.rating is None else content.lead.sentiment(submission.rating)


def _cleaned(comment: str) -> str:
    """As browsers count it: they send two characters for a new line."""
    lines = comment.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", lines).strip()


async def _record(
    tx: Tx, row: asyncpg.Record, content: Content, submission: Submission
) -> Recorded:
    body = _body(submission, content, row["language"])
    sentiment = _sentiment(submission, content)
    recorded = await record(tx, row["id"], body, sentiment, row["zone"])
    if recorded.changed:
        await follow(tx, row["id"], body, sentiment, first=recorded.version == 1)
        await tx.execute(_ROLL_UP, tx.account, row["id"], tx.now)
        tx.last.add(ADVANCE)
    return recorded
