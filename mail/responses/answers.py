"""Answers that customers submit."""

import re
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from mail.campaigns.definition import BEST_RATING, Lead, Sentiment, decode_content
from mail.i18n import locale_of
from mail.positions import ADVANCE
from mail.responses.follow_ups import update_follow_ups
from mail.responses.links import (
    CurrentAnswer,
    Survey,
    Visit,
    open_survey,
    referred,
)
from mail.responses.recording import LEAD, Body, Recorded, Value, record
from sync.database import Tx, run
from sync.feed.dialling import call_link
from sync.tokens import digest

__all__ = [
    "Closed",
    "CurrentAnswer",
    "Invalid",
    "Recorded",
    "Submission",
    "SubmitResult",
    "Survey",
    "Visit",
    "invalid_fields",
    "open_survey",
    "submit",
]

#: The actor of follow-ups in the audit: the holder of the survey's link.
CUSTOMER: Final = "customer"

LONGEST_COMMENT: Final = 4000
#: Letters of a phone number, with an extension or when to call.
LONGEST_PHONE: Final = 60
#: Removed from comments: control characters but tab and line feed.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")

Field: TypeAlias = Literal["rating", "reasons", "comment", "phone"]


class Submission(Struct, frozen=True, kw_only=True):
    """What a customer submitted with the form.

    `rating`: 1 to 5; may be missing with `not_me` only. `reasons`: codes of the campaign; stored
    with a negative rating only. `phone`: as typed; stored with `call_back` only. `language`: of the
    page.
    """

    rating: int | None
    reasons: Sequence[str] = ()
    comment: str = ""
    not_me: bool = False
    call_back: bool = False
    phone: str = ""
    language: str = ""


class Closed(Struct, frozen=True, tag=True):
    """The link is unknown or expired; nothing was stored."""


class Invalid(Struct, frozen=True, tag=True):
    """These fields are not valid; nothing was stored."""

    fields: list[Field]


SubmitResult: TypeAlias = Recorded | Closed | Invalid


_SURVEY: Final = """
SELECT i.id, v.content, v.format, coalesce(i.language, a.language) AS language, a.zone,
  coalesce(p.zone, a.zone) AS zone_there
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
LEFT JOIN task j ON (j.account, j.id) = (i.account, i.task)
LEFT JOIN location p ON (p.account, p.id) = (j.account, j.location)
WHERE l.account = $1 AND l.token_hash = $2
  AND (i.deadline IS NULL OR i.deadline > $3)
"""

_QUEUE_ROLLUP: Final = """
INSERT INTO rollup_change (account, invitation, changed_at, attempts, not_before)
VALUES ($1, $2, $3, 0, $3)
ON CONFLICT (account, invitation) DO UPDATE SET changed_at = excluded.changed_at,
  attempts = 0, not_before = excluded.not_before, quarantined_at = NULL, error = NULL
"""


async def submit(token: str, submission: Submission) -> SubmitResult:
    """Record an answer. The same answer again changes nothing, another one is a new version.

    After `Recorded(changed=True)` the caller rings for the job `rollup`.
    """
    ref = referred(token)

    async def work(tx: Tx) -> SubmitResult:
        row = await tx.fetchrow(_SURVEY, ref.account, digest(ref.hash), tx.now)
        if row is None:
            return Closed()
        lead = decode_content(row["content"], row["format"]).lead
        if fields := invalid_fields(submission, lead, row["zone_there"]):
            return Invalid(fields)
        body = _body_of(submission, lead, locale_of(submission.language, row["language"]))
        sentiment = _sentiment(body, lead)
        recorded, last = await record(tx, row["id"], body, sentiment, row["zone"])
        if recorded.changed:
            before = None if last is None else (last, _sentiment(last, lead))
            await update_follow_ups(tx, row["id"], body, sentiment, before)
            await tx.execute(_QUEUE_ROLLUP, tx.account, row["id"], tx.now)
            tx.last.add(ADVANCE)
        return recorded

    return await run(ref.account, work, CUSTOMER)


def _body_of(submission: Submission, lead: Lead, language: str) -> Body:
    rating = submission.rating
    negative = rating is not None and lead.is_negative(rating)
    chosen = submission.reasons if negative else ()
    value = Value(
        kind=lead.kind,
        value=rating,
        choices=[reason.code for reason in lead.reasons if reason.code in chosen],
        text=_cleaned(submission.comment),
    )
    return Body(
        values={LEAD: value},
        not_me=submission.not_me,
        call_back=submission.call_back,
        language=language,
        phone=_phone(submission) if submission.call_back else "",
    )


def _sentiment(body: Body, lead: Lead) -> Sentiment | None:
    return None if body.lead.value is None else lead.sentiment(body.lead.value)


def _phone(submission: Submission) -> str:
    """Return the number as typed, in one line."""
    return " ".join(_CONTROLS.sub(" ", submission.phone).split())


def invalid_fields(submission: Submission, lead: Lead, zone: str) -> list[Field]:
    """Return what keeps `submission` from being recorded. `zone`: of its survey, IANA."""
    rating, phone = submission.rating, _phone(submission)
    known = {reason.code for reason in lead.reasons}
    invalid: dict[Field, bool] = {
        "rating": not submission.not_me if rating is None else not 1 <= rating <= BEST_RATING,
        "reasons": not known.issuperset(submission.reasons),
        "comment": len(_cleaned(submission.comment)) > LONGEST_COMMENT,
        "phone": submission.call_back
        and (len(phone) > LONGEST_PHONE or call_link(phone, zone) is None),
    }
    return [field for field, is_invalid in invalid.items() if is_invalid]


def _cleaned(comment: str) -> str:
    """Return `comment` without control characters, with the line ends that browsers count."""
    lines = comment.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", lines).strip()
