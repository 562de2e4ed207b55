"""Answers and unsubscriptions that customers submit."""

import re
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from mail import contacts
from mail.campaigns.definition import BEST_RATING, Lead
from mail.campaigns.formats import decode_content
from mail.i18n import locale_of
from mail.positions import ADVANCE
from mail.recall import lock_claims, recall_contact
from mail.responses.answer_body import LEAD, Body, Value
from mail.responses.follow_ups import update_follow_ups
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

#: The actor of follow-ups in the audit: the holder of the survey's link.
CUSTOMER: Final = "customer"

LONGEST_COMMENT: Final = 4000
#: Removed from comments: control characters but tab and line feed.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")

Field: TypeAlias = Literal["rating", "reasons", "comment"]


class Submission(Struct, frozen=True, kw_only=True):
    """What a customer submitted with the form.

    `rating`: 1 to 5; may be missing with `not_me` only. `reasons`: codes of the campaign; stored
    with a negative rating only. `language`: of the page.
    """

    rating: int | None
    reasons: Sequence[str] = ()
    comment: str = ""
    not_me: bool = False
    call_back: bool = False
    language: str = ""


class Closed(Struct, frozen=True, tag=True):
    """The link is unknown or expired; nothing was stored."""


class Invalid(Struct, frozen=True, tag=True):
    """These fields are not valid; nothing was stored."""

    fields: list[Field]


Outcome: TypeAlias = Recorded | Closed | Invalid


_SURVEY: Final = """
SELECT i.id, v.content, v.format, coalesce(i.language, a.language) AS language, a.zone
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
WHERE l.account = $1 AND l.token_hash = $2
  AND (i.deadline IS NULL OR i.deadline > $3)
"""

_QUEUE_ROLLUP: Final = """
INSERT INTO rollup_change (account, invitation, changed_at, attempts, not_before)
VALUES ($1, $2, $3, 0, $3)
ON CONFLICT (account, invitation) DO UPDATE SET changed_at = excluded.changed_at,
  attempts = 0, not_before = excluded.not_before, quarantined_at = NULL, error = NULL
"""

_INVITATION: Final = """
SELECT i.id, i.address
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
WHERE l.account = $1 AND l.token_hash = $2
"""

_ADD_EVENT: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt)
VALUES ($1, $3, $2, 'unsubscribed', $4, 0)
"""


async def submit(token: str, submission: Submission) -> Outcome:
    """Record an answer. The same answer again changes nothing, another one is a new version.

    After `Recorded(changed=True)` the caller rings for the job `rollup`.
    """
    ref = referred(token)

    async def work(tx: Tx) -> Outcome:
        row = await tx.fetchrow(_SURVEY, ref.account, digest(ref.hash), tx.now)
        if row is None:
            return Closed()
        lead = decode_content(row["content"], row["format"]).lead
        if fields := _invalid_fields(submission, lead):
            return Invalid(fields)
        sentiment = None if submission.rating is None else lead.sentiment(submission.rating)
        chosen = submission.reasons if sentiment == "negative" else ()
        value = Value(
            kind=lead.kind,
            value=submission.rating,
            choices=[reason.code for reason in lead.reasons if reason.code in chosen],
            text=_cleaned(submission.comment),
        )
        body = Body(
            values={LEAD: value},
            not_me=submission.not_me,
            call_back=submission.call_back,
            language=locale_of(submission.language, row["language"]),
        )
        recorded = await record(tx, row["id"], body, sentiment, row["zone"])
        if recorded.changed:
            await update_follow_ups(tx, row["id"], body, sentiment, first=recorded.version == 1)
            await tx.execute(_QUEUE_ROLLUP, tx.account, row["id"], tx.now)
            tx.last.add(ADVANCE)
        return recorded

    return await run(ref.account, work, CUSTOMER)


async def unsubscribe(token: str) -> Subscription | None:
    """Suppress the address of a link for all campaigns; None if the link is unknown.

    This holds for an erased address, too; repeating it changes nothing. Waiting mails to it are
    dropped at their release, claimed ones are recalled unless their content is being sent.
    """
    ref = referred(token)

    async def work(tx: Tx) -> Subscription | None:
        row = await tx.fetchrow(_INVITATION, ref.account, ref.hash)
        if row is None:
            return None
        invitation, address = row["id"], row["address"]
        contact = await contacts.contact_of(tx, invitation, address)
        if contact is not None and contact.suppressed == "unsubscribed":
            return await subscription(tx, ref)  # a repetition needs no locks
        # With claims locked no mail is claimed between the recall and the suppression.
        await lock_claims(tx)
        contact = await contacts.contact_of(tx, invitation, address)
        if contact is not None:
            await recall_contact(tx, contact.id)
        elif address is not None:
            contact = (await contacts.create(tx, [address]))[address]
        if contact is not None and await contacts.unsubscribe(tx, contact.id):
            await tx.execute(_ADD_EVENT, tx.account, invitation, new_id(), tx.now)
        return await subscription(tx, ref)

    return await run(ref.account, work)


def _invalid_fields(submission: Submission, lead: Lead) -> list[Field]:
    rating = submission.rating
    known = {reason.code for reason in lead.reasons}
    invalid: dict[Field, bool] = {
        "rating": not submission.not_me if rating is None else not 1 <= rating <= BEST_RATING,
        "reasons": not known.issuperset(submission.reasons),
        "comment": len(_cleaned(submission.comment)) > LONGEST_COMMENT,
    }
    return [field for field, is_invalid in invalid.items() if is_invalid]


def _cleaned(comment: str) -> str:
    """Return `comment` without control characters, with the line ends that browsers count."""
    lines = comment.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", lines).strip()
