"""What a link in a mail opens: the survey, of one visit if any, or the address to leave alone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from mail.campaigns.definition import Content
from mail.campaigns.formats import decode_content, decode_rules
from mail.contacts import contact_of
from mail.responses.answer_body import LEAD
from rules.timing import parse_delay
from sync.database import Tx, tx
from sync.ids import new_account_number
from sync.tokens import TokenRef, digest, read


class Visit(Struct, frozen=True):
    """What the customer is asked about.

    `moment`: at which the step counts that ended the work (UTC). `type_name`, `type_names`: of the
    task's type, the latter by language. `place`, `address`: of the location, None where the task
    has none.
    """

    moment: datetime
    type_name: str
    type_names: Mapping[str, str]
    place: str | None
    address: str | None


class CurrentAnswer(Struct, frozen=True):
    """What the customer last said; `version` counts from 1. `rating` may be None after not_me."""

    version: int
    rating: int | None
    reasons: list[str]
    comment: str
    not_me: bool
    call_back: bool
    answered_at: datetime


class Survey(Struct, frozen=True):
    """An open survey, as the page shows it.

    `content`: as pinned when it was scheduled. `language`: the customer's locale;
    `account_language`: where the customer's has no text. `zone`: IANA, of the place, else of the
    account. `visit`: None where it is about none. `deadline`: until when it can be answered (UTC),
    None while it is not known that the mail left.
    """

    company: str
    content: Content
    language: str
    account_language: str
    zone: str
    visit: Visit | None
    deadline: datetime | None
    answer: CurrentAnswer | None


class Subscription(Struct, frozen=True):
    """An address that a company mails. `ended`: it is left alone already."""

    company: str
    address: str
    language: str
    ended: bool


_SURVEY: Final = """
SELECT i.task, i.deadline, coalesce(i.language, a.language) AS language, v.content, v.rules,
  v.format, i.due, a.name AS company, a.language AS account_language,
  coalesce(p.zone, a.zone) AS zone,
  k.name AS type_name, k.names AS type_names, p.name AS place, p.address,
  w.versions, w.not_me, w.call_back, w.answered_at, s.value, s.choices, s.text
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
LEFT JOIN transition t ON (t.account, t.id) = (i.account, i.transition)
LEFT JOIN task j ON (j.account, j.id) = (i.account, i.task)
LEFT JOIN task_type k ON (k.account, k.id) = (t.account, t.type)
LEFT JOIN location p ON (p.account, p.id) = (j.account, j.location)
LEFT JOIN answer w ON (w.account, w.invitation) = (i.account, i.id)
LEFT JOIN answer_value s
  ON (s.account, s.invitation, s.question) = (w.account, w.invitation, $4)
WHERE l.account = $1 AND l.token_hash = $2
  AND (i.deadline IS NULL OR i.deadline > $3)
"""

_SUBSCRIPTION: Final = """
SELECT a.name AS company, i.id, i.address, i.typed_address,
  coalesce(i.language, a.language) AS language
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
WHERE l.account = $1 AND l.token_hash = $2
"""


def referred(token: str) -> TokenRef:
    """What `token` refers to; nonsense refers to nothing, which takes as long to find out."""
    return read(token) or TokenRef(new_account_number(), b"")


async def open_survey(token: str) -> Survey | None:
    """The survey that a link opens, or None where it is unknown, malformed or expired.

    All of these cost the same, so that a guess learns nothing from the time it takes.
    """
    ref = referred(token)
    async with tx(ref.account) as opened:
        row = await opened.fetchrow(_SURVEY, ref.account, digest(ref.hash), opened.now, LEAD)
    if row is None:
        return None
    return Survey(
        company=row["company"],
        content=decode_content(row["content"], row["format"]),
        language=row["language"],
        account_language=row["account_language"],
        zone=row["zone"],
        visit=None if row["task"] is None else _visit(row),
        deadline=row["deadline"],
        answer=None if row["versions"] is None else _answer(row),
    )


async def open_subscription(token: str) -> Subscription | None:
    """The address that an unsubscribe link is about, or None. These links do not expire."""
    ref = referred(token)
    async with tx(ref.account) as opened:
        return await subscription(opened, ref)


async def subscription(opened: Tx, ref: TokenRef) -> Subscription | None:
    """As `open_subscription`, inside a transaction of the token's account."""
    row = await opened.fetchrow(_SUBSCRIPTION, ref.account, ref.hash)
    if row is None:
        return None
    contact = await contact_of(opened, row["id"], row["address"])
    ended = contact is not None and contact.suppressed == "unsubscribed"
    return Subscription(row["company"], row["typed_address"] or "", row["language"], ended)


def _visit(row: asyncpg.Record) -> Visit:
    rules = decode_rules(row["rules"], row["format"])
    return Visit(
        moment=row["due"] - parse_delay(rules.delay),
        type_name=row["type_name"],
        type_names=msgspec.json.decode(row["type_names"], type=dict[str, str]),
        place=row["place"],
        address=row["address"],
    )


def _answer(row: asyncpg.Record) -> CurrentAnswer:
    return CurrentAnswer(
        version=row["versions"],
        rating=row["value"],
        reasons=row["choices"],
        comment=row["text"],
        not_me=row["not_me"],
        call_back=row["call_back"],
        answered_at=row["answered_at"],
    )
