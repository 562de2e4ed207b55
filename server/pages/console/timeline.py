"""A task's timeline: facts, decisions, mails and answers, day by day in the account's zone."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail.definition import Definition, decode, in_language
from server.pages.console.chips import StateChip, chip, choices
from server.pages.times import Clock
from sync.database import Tx
from sync.history import OpenItem, open_items_of_task

#: Received later than this after its moment, a transition was made without network.
LATE: Final = timedelta(minutes=5)


class Entry(Struct, frozen=True, kw_only=True):
    """One thing that happened at `at` (UTC).

    `kind`: transition, decision, mail, answer, refused or parked; `code` says more of it: an
    outcome, what happened to the mail, or a verdict. `late`: reception minus moment, if long.
    """

    kind: str
    at: datetime
    code: str = ""
    state: StateChip | None = None
    who: str = ""
    note: str | None = None
    late: timedelta | None = None
    unexpected: bool = False
    unticked: bool = False
    campaign: str = ""
    release: datetime | None = None
    address: str | None = None
    detail: str | None = None
    version: int = 0
    rating: int | None = None
    reasons: list[str] = []
    comment: str = ""
    call_back: bool = False
    not_me: bool = False
    reason: str | None = None


class Day(Struct, frozen=True):
    """What happened on one day."""

    date: date
    entries: list[Entry]


_TRANSITIONS: Final = """
SELECT n.moment, n.received_at, n.note, n.unexpected, n.survey, u.name AS technician, n.state,
  s.name AS state_name, s.names AS state_names, s.kind AS state_kind
FROM transition n
JOIN state s ON s.account = n.account AND s.code = n.state
JOIN app_user u ON u.account = n.account AND u.id = n.technician
WHERE n.task = $1
ORDER BY n.moment, n.sequence, n.id
"""

_DECISIONS: Final = """
SELECT d.decided_at, d.outcome, d.release, c.name AS campaign
FROM decision d
JOIN campaign c ON c.account = d.account AND c.id = d.campaign
JOIN transition n ON n.account = d.account AND n.id = d.transition
WHERE d.task = $1
ORDER BY d.decided_at, n.moment, n.sequence, n.id
"""

_MAILS: Final = """
SELECT e.happened_at, e.kind, e.detail, i.typed_address, c.name AS campaign
FROM invitation i
JOIN mail_event e ON e.account = i.account AND e.invitation = i.id
JOIN campaign c ON c.account = i.account AND c.id = i.campaign
WHERE i.task = $1
ORDER BY e.happened_at, e.id
"""

_ANSWERS: Final = """
SELECT v.*, w.definition
FROM answer a
JOIN answer_version v ON v.account = a.account AND v.invitation = a.invitation
JOIN campaign_version w
  ON w.account = a.account AND w.campaign = a.campaign AND w.version = a.version
WHERE a.task = $1
ORDER BY v.answered_at, v.version
"""

#: What of the same moment is told first.
_RANKS: Final = {
    kind: rank
    for rank, kind in enumerate(("transition", "refused", "parked", "decision", "mail", "answer"))
}


async def read_timeline(tx: Tx, task: UUID, clock: Clock, language: str) -> list[Day]:
    """All that happened to `task`, earliest first."""
    entries = [
        *(_transition(row, language) for row in await tx.fetch(_TRANSITIONS, task)),
        *await _open_items(tx, task, language),
        *(_decision(row) for row in await tx.fetch(_DECISIONS, task)),
        *(_mail(row) for row in await tx.fetch(_MAILS, task)),
        *(_answer(row, language) for row in await tx.fetch(_ANSWERS, task)),
    ]
    entries.sort(key=lambda entry: (entry.at, _RANKS[entry.kind]))
    return list(_by_day(entries, clock))


def _by_day(entries: Iterable[Entry], clock: Clock) -> Iterator[Day]:
    for day, those in groupby(entries, lambda entry: clock.local(entry.at).date()):
        yield Day(day, list(those))


def _transition(row: asyncpg.Record, language: str) -> Entry:
    late = row["received_at"] - row["moment"]
    return Entry(
        kind="transition",
        at=row["moment"],
        state=chip(row, language),
        who=row["technician"],
        note=row["note"],
        late=late if late > LATE else None,
        unexpected=row["unexpected"],
        unticked=not row["survey"],
    )


def _decision(row: asyncpg.Record) -> Entry:
    return Entry(
        kind="decision",
        at=row["decided_at"],
        code=row["outcome"],
        campaign=row["campaign"],
        release=row["release"],
    )


def _mail(row: asyncpg.Record) -> Entry:
    return Entry(
        kind="mail",
        at=row["happened_at"],
        code=row["kind"],
        campaign=row["campaign"],
        address=row["typed_address"],
        detail=row["detail"],
    )


def _answer(row: asyncpg.Record, language: str) -> Entry:
    return Entry(
        kind="answer",
        at=row["answered_at"],
        version=row["version"],
        rating=row["rating"],
        reasons=labels(decode(row["definition"]), row["reasons"], language),
        comment=row["comment"],
        call_back=row["call_back"],
        not_me=row["not_me"],
    )


def labels(definition: Definition, codes: Iterable[str], language: str) -> list[str]:
    """The texts of the reasons `codes`; a code that the version does not have, as it is."""
    known = {reason.code: in_language(reason.label, language) for reason in definition.reasons}
    return [known.get(code, code) for code in codes]


async def _open_items(tx: Tx, task: UUID, language: str) -> list[Entry]:
    """What was refused or waits, with the names it goes by."""
    items = await open_items_of_task(tx, task)
    if not items:
        return []
    states = {state.code: state for state in await choices(tx, language)}
    people = await tx.fetch(
        "SELECT id, name FROM app_user WHERE id = ANY($1)", [item.technician for item in items]
    )
    names: dict[UUID, str] = {row["id"]: row["name"] for row in people}
    return [_open_item(item, states, names[item.technician]) for item in items]


def _open_item(item: OpenItem, states: dict[str, StateChip], who: str) -> Entry:
    return Entry(
        kind=item.verdict,
        at=item.received_at,
        code=item.verdict,
        state=states.get(item.state, StateChip(item.state, "", "unknown")),
        who=who,
        reason=item.reason,
    )
