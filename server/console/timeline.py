"""A task's timeline: facts, decisions, mails and answers, day by day in the account's zone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final, assert_never
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Struct

from mail.campaigns.cache import VersionKey, pinned
from mail.campaigns.definition import Content
from mail.i18n import text_in
from server.console.state_labels import StateChip, choices
from server.timeline import entries, pages
from server.timeline.entries import (
    AnswerEntry,
    DecisionEntry,
    MailEntry,
    OpenEntry,
    TransitionEntry,
)
from server.timeline.pages import Window, read_cursor
from server.web.times import Clock
from sync.database import Tx
from sync.errors import CursorError

#: Received later than this after its moment, a transition was made without network.
LATE: Final = timedelta(minutes=5)


class Entry(Struct, frozen=True, kw_only=True):
    """One thing that happened at `at` (UTC).

    `kind`: transition, decision, mail, answer, refused or parked; `code` says more of it: an
    outcome, what happened to the mail, or a verdict. `late`: reception minus moment, if long.
    `before_task`: it is older than the task. `by`: who told a transition in the console;
    `accepted_by`: who accepted it once refused.
    `taken`, `unusable`: an address taken in the field, to which mail can or cannot go.
    """

    kind: str
    at: datetime
    code: str = ""
    state: StateChip | None = None
    who: str = ""
    note: str | None = None
    late: timedelta | None = None
    unexpected: bool = False
    before_task: bool = False
    unticked: bool = False
    unticked_because: str | None = None
    by: str = ""
    accepted_by: str = ""
    taken: str | None = None
    unusable: str | None = None
    campaign: str = ""
    release: datetime | None = None
    address: str | None = None
    detail: str | None = None
    version: int = 0
    dropped: int = 0
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


class Story(Struct, frozen=True):
    """A page of the timeline, earliest first.

    `earlier`, `later`: the queries of the pages before and after it, empty for none.
    """

    days: list[Day]
    earlier: str
    later: str


def read_window(query: Mapping[str, str]) -> Window:
    """What a URL asks for; what cannot be read is left out."""
    for later, name in enumerate(("before", "after")):
        try:
            return Window(read_cursor(query[name]), later=bool(later))
        except (KeyError, CursorError):
            continue
    return Window()


async def read_story(tx: Tx, task: UUID, clock: Clock, language: str, window: Window) -> Story:
    """What happened to `task` in the `window`; the last page where nothing did."""
    page = await pages.read_timeline(tx, task, window)
    if not page.items and window.place is not None:
        page = await pages.read_timeline(tx, task, Window())
    names = await _names_of(tx, page.items, language)
    return Story(
        days=list(_by_day((_told(fact, names) for fact in page.items), clock)),
        earlier=urlencode({"before": page.earlier}) if page.earlier else "",
        later=urlencode({"after": page.later}) if page.later else "",
    )


def _by_day(entries: Iterable[Entry], clock: Clock) -> Iterator[Day]:
    for day, those in groupby(entries, lambda entry: clock.local(entry.at).date()):
        yield Day(day, list(those))


class _Names(Struct, frozen=True):
    """What ids and codes are called in one language."""

    people: dict[UUID, str]
    states: dict[str, StateChip]
    contents: dict[VersionKey, Content]
    language: str

    def state(self, code: str) -> StateChip:
        """The state's chip; a device may have pushed a code that nobody knows."""
        return self.states.get(code, StateChip(code, "", "unknown"))


async def _names_of(tx: Tx, facts: Sequence[entries.Entry], language: str) -> _Names:
    people = await tx.fetch("SELECT id, name FROM app_user WHERE id = ANY($1)", _movers(facts))
    states = await choices(tx, language)
    answers = [one for one in facts if isinstance(one, AnswerEntry)]
    versions = {(one.campaign, one.campaign_version) for one in answers}
    return _Names(
        people={row["id"]: row["name"] for row in people},
        states={state.code: state for state in states},
        contents={key: said.content for key, said in (await pinned(tx, versions)).items()},
        language=language,
    )


def _movers(facts: Sequence[entries.Entry]) -> list[UUID]:
    """Everybody who told, accepted or did something."""
    told = [one for one in facts if isinstance(one, TransitionEntry)]
    office = [who for one in told for who in (one.by, one.accepted_by) if who is not None]
    field = [one.technician for one in facts if isinstance(one, TransitionEntry | OpenEntry)]
    return [*office, *field]


def _told(fact: entries.Entry, names: _Names) -> Entry:
    match fact:
        case TransitionEntry():
            return _transition(fact, names)
        case DecisionEntry():
            return _decision(fact)
        case MailEntry():
            return _mail(fact)
        case AnswerEntry():
            return _answer(fact, names)
        case OpenEntry():
            return _open(fact, names)
    assert_never(fact)


def _transition(fact: TransitionEntry, names: _Names) -> Entry:
    late = fact.received_at - fact.at
    return Entry(
        kind="transition",
        at=fact.at,
        state=names.state(fact.state),
        who=names.people[fact.technician],
        note=fact.note,
        late=late if late > LATE else None,
        unexpected=fact.unexpected,
        before_task=fact.before_task,
        unticked=not fact.survey,
        unticked_because=fact.survey_reason,
        by=names.people[fact.by] if fact.by else "",
        accepted_by=names.people[fact.accepted_by] if fact.accepted_by else "",
        taken=fact.email if fact.email_usable else None,
        unusable=None if fact.email_usable else fact.email,
    )


def _decision(fact: DecisionEntry) -> Entry:
    return Entry(
        kind="decision",
        at=fact.at,
        code=fact.outcome,
        campaign=fact.campaign_name,
        release=fact.release,
    )


def _mail(fact: MailEntry) -> Entry:
    return Entry(
        kind="mail",
        at=fact.at,
        code=fact.event,
        campaign=fact.campaign_name,
        address=fact.address,
        detail=fact.detail,
    )


def _answer(fact: AnswerEntry, names: _Names) -> Entry:
    content = names.contents[fact.campaign, fact.campaign_version]
    return Entry(
        kind="answer",
        at=fact.at,
        version=fact.version,
        dropped=fact.dropped,
        rating=fact.rating,
        reasons=labels(content, fact.reasons, names.language),
        comment=fact.comment,
        call_back=fact.call_back,
        not_me=fact.not_me,
    )


def _open(fact: OpenEntry, names: _Names) -> Entry:
    return Entry(
        kind=fact.verdict,
        at=fact.at,
        code=fact.verdict,
        state=names.state(fact.state),
        who=names.people[fact.technician],
        reason=fact.reason,
    )


def labels(content: Content, codes: Iterable[str], language: str) -> list[str]:
    """The texts of the reasons `codes`; a code that the version does not have, as it is."""
    known = {reason.code: text_in(reason.label, language) for reason in content.lead.reasons}
    return [known.get(code, code) for code in codes]
