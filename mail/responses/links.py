"""The links of mails: opening a survey, or the subscription of an address."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from mail.campaigns.definition import Content, decode_content, decode_rules
from mail.contacts import EMPTY, contact_of
from mail.responses.recording import LEAD
from rules.timing import parse_delay
from sync.database import Tx, tx
from sync.ids import new_account_number
from sync.tokens import TokenRef, digest, read


class Visit(Struct, frozen=True):
    """The visit that a survey is about.

    `moment`: of its transition, UTC. `type_name`, `type_names`: of the task's type, the latter by
    language. `place`, `address`: of the location, None if the task has none.
    """

    moment: datetime
    type_name: str
    type_names: Mapping[str, str]
    place: str | None
    address: str | None


class CurrentAnswer(Struct, frozen=True):
    """The current answer; `version` counts from 1. `rating` may be None with `not_me`.

    `is_called`: the call that was asked for was handled.
    """

    version: int
    rating: int | None
    reasons: list[str]
    comment: str
    not_me: bool
    call_back: bool
    phone: str
    is_called: bool
    answered_at: datetime


class Survey(Struct, frozen=True):
    """An open survey, as the page shows it.

    `content`: of the pinned version. `language`: the customer's locale; `account_language`: for
    texts that are missing in it. `zone`: IANA, of the location, else of the account. `visit`: None
    if it is relational. `phone`: of whom the mail went to, empty if not known. `deadline`: until
    when it can be answered, UTC; None while it is not known that the mail was sent.
    """

    company: str
    content: Content
    language: str
    account_language: str
    zone: str
    visit: Visit | None
    phone: str
    deadline: datetime | None
    answer: CurrentAnswer | None


class Subscription(Struct, frozen=True):
    """An address that a company sends mails to.

    `ended`: it has unsubscribed. `unreachable`: mails to it came back, so that none is sent.
    """

    company: str
    address: str
    language: str
    ended: bool
    unreachable: bool


_SURVEY: Final = """
SELECT i.task, i.deadline, coalesce(i.language, a.language) AS language, v.content, v.rules,
  v.format, i.due, a.name AS company, a.language AS account_language,
  coalesce(p.zone, a.zone) AS zone,
  k.name AS type_name, k.names AS type_names, p.name AS place, p.address,
  w.versions AS version, w.not_me, w.call_back, coalesce(w.phone, '') AS phone, w.answered_at,
  f.closed_by IS NOT NULL AS is_called,
  CASE i.address_field WHEN 'customer' THEN c.phone WHEN 'location' THEN p.phone END AS known_phone,
  s.value AS rating, s.choices AS reasons, s.text AS comment
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN account a ON a.account = l.account
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
LEFT JOIN transition t ON (t.account, t.id) = (i.account, i.transition)
LEFT JOIN task j ON (j.account, j.id) = (i.account, i.task)
LEFT JOIN task_type k ON (k.account, k.id) = (t.account, t.type)
LEFT JOIN location p ON (p.account, p.id) = (j.account, j.location)
LEFT JOIN customer c ON (c.account, c.id) = (i.account, i.customer)
LEFT JOIN answer w ON (w.account, w.invitation) = (i.account, i.id)
LEFT JOIN follow_up f
  ON (f.account, f.invitation, f.kind) = (w.account, w.invitation, 'call_back')
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
    """Return what `token` refers to: if malformed, to nothing, at the same cost."""
    return read(token) or TokenRef(new_account_number(), b"")


async def open_survey(token: str) -> Survey | None:
    """Return the survey of a link; None if it is unknown, malformed or expired.

    These cases take the same time, so that a guess learns nothing from it.
    """
    ref = referred(token)
    async with tx(ref.account) as opened:
        row = await opened.fetchrow(_SURVEY, ref.account, digest(ref.hash), opened.now, LEAD)
    if row is None:
        return None
    visit = answer = None
    if row["task"] is not None:
        rules = decode_rules(row["rules"], row["format"])
        visit = Visit(
            moment=row["due"] - parse_delay(rules.delay),
            type_name=row["type_name"],
            type_names=msgspec.json.decode(row["type_names"], type=dict[str, str]),
            place=row["place"],
            address=row["address"],
        )
    if row["version"] is not None:
        answer = CurrentAnswer(**{name: row[name] for name in CurrentAnswer.__struct_fields__})
    return Survey(
        company=row["company"],
        content=decode_content(row["content"], row["format"]),
        language=row["language"],
        account_language=row["account_language"],
        zone=row["zone"],
        visit=visit,
        phone=row["known_phone"] or "",
        deadline=row["deadline"],
        answer=answer,
    )


async def open_subscription(token: str) -> Subscription | None:
    """Return the subscription of an unsubscribe link, if it is known. These links do not expire."""
    ref = referred(token)
    async with tx(ref.account) as opened:
        return await subscription(opened, ref)


async def subscription(opened: Tx, ref: TokenRef) -> Subscription | None:
    """As `open_subscription`, in a transaction of the token's account."""
    row = await opened.fetchrow(_SUBSCRIPTION, ref.account, ref.hash)
    if row is None:
        return None
    contact = await contact_of(opened, row["id"], row["address"])
    suppressed = None if contact is None else contact.suppressed
    return Subscription(
        company=row["company"],
        address=row["typed_address"] or "",
        language=row["language"],
        ended=suppressed == "unsubscribed",
        unreachable=suppressed in EMPTY,
    )
