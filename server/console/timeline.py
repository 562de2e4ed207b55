"""A task's timeline as its page shows it: transitions, decisions, mails and answers by day."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final, assert_never
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Struct

from mail.campaigns.cache import VersionKey, pinned
from mail.campaigns.definition import Content
from mail.i18n import text_in
from rules.decide import Reason
from server.console.outcome import Survey
from server.console.state_labels import StateChip, read_states
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

#: By campaign: a step that was asked about comes before earlier ones that were not.
_FIRSTS: Final = """
SELECT DISTINCT ON (d.campaign) d.campaign, n.state, n.moment, d.outcome,
  i.id AS invitation, i.status AS survey
FROM decision d
JOIN transition n ON n.account = d.account AND n.id = d.transition
LEFT JOIN invitation i
  ON i.account = d.account AND i.campaign = d.campaign AND i.task = d.task
  AND i.transition = d.transition
WHERE d.account = $1 AND d.task = $2 AND d.outcome <> $3
ORDER BY d.campaign, d.outcome <> 'scheduled', n.moment, n.sequence, n.id
"""
NOT_FIRST: Final = Reason.NOT_FIRST.value
#: A transition that is received later than this after its moment was made without network.
LATE: Final = timedelta(minutes=5)


class FirstStep(Struct, frozen=True):
    """The step that a campaign asked about first, or would have; what became of that.

    `outcome`: of the decision. `invitation`, `survey`: its id and its status, None without one.
    """

    state: StateChip
    at: datetime
    outcome: str
    invitation: UUID | None
    survey: str | None

    def survey_of(self, shown: Survey) -> str | None:
        """The status of its survey, as the page has `shown` it where it is the task's."""
        same = self.invitation is not None and self.invitation == shown.invitation
        return shown.code if same else self.survey


class EntryShown(Struct, frozen=True, kw_only=True):
    """An entry of the timeline at `at` (UTC); each kind has only some of the fields.

    `kind`: transition, decision, mail, answer, refused or parked. `code`: the outcome of a
    decision, the event of a mail, or a verdict. `late`: arrival minus moment, if that is long.
    `before_task`: the transition is older than the task. `by`: who recorded it in the console, or
    asked for it.
    `arrived`, `accepted`: when one that was not accepted at once was received and accepted;
    `accepted_by`: who accepted it. `captured`, `unusable`: an address captured in the field, to
    which mail can or cannot be sent. `first`: the step that came first, for `not_first`.
    `dismissed`: when `by` dismissed it for the reason `note`.
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
    arrived: datetime | None = None
    accepted: datetime | None = None
    accepted_by: str = ""
    first: FirstStep | None = None
    dismissed: datetime | None = None
    captured: str | None = None
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
    phone: str = ""
    not_me: bool = False
    reason: str | None = None


class Day(Struct, frozen=True):
    """The entries of one day in the reader's zone."""

    date: date
    entries: list[EntryShown]


class TimelineView(Struct, frozen=True):
    """A page of the timeline, earliest first.

    `earlier`, `later`: the query strings of the pages before and after it, empty for none.
    """

    days: list[Day]
    earlier: str
    later: str


def read_window(params: Mapping[str, str]) -> Window:
    """The window in the parameters of a URL; a cursor that cannot be read is ignored."""
    for later, name in enumerate(("before", "after")):
        try:
            return Window(read_cursor(params[name]), later=bool(later))
        except (KeyError, CursorError):
            continue
    return Window()


async def read_timeline_view(
    tx: Tx, task: UUID, clock: Clock, language: str, window: Window
) -> TimelineView:
    """The entries of `task` in the `window`; the last page where that has none."""
    page = await pages.read_timeline(tx, task, window)
    if not page.items and window.place is not None:
        page = await pages.read_timeline(tx, task, Window())
    names = await _read_names(tx, task, page.items, language)
    shown = [_entry(entry, names) for entry in page.items]
    return TimelineView(
        days=[
            Day(day, list(of_day))
            for day, of_day in groupby(shown, lambda entry: clock.local(entry.at).date())
        ],
        earlier=urlencode({"before": page.earlier}) if page.earlier else "",
        later=urlencode({"after": page.later}) if page.later else "",
    )


class _Names(Struct, frozen=True):
    """The names of users and states, and the campaign contents, that a page of entries needs."""

    people: dict[UUID, str]
    states: dict[str, StateChip]
    contents: dict[VersionKey, Content]
    firsts: dict[UUID, FirstStep]
    language: str

    def state(self, code: str) -> StateChip:
        """The state's chip; a device may have pushed a code that the account does not have."""
        return self.states.get(code, StateChip(code, "", "unknown"))


async def _read_names(tx: Tx, task: UUID, items: Sequence[entries.Entry], language: str) -> _Names:
    people = {item.technician for item in items if isinstance(item, TransitionEntry | OpenEntry)}
    for item in items:
        if isinstance(item, TransitionEntry):
            people |= {user for user in (item.by, item.accepted_by) if user is not None}
        if isinstance(item, OpenEntry) and item.dismissed_by is not None:
            people.add(item.dismissed_by)
        if isinstance(item, MailEntry) and item.by is not None:
            people.add(item.by)
    users = await tx.fetch("SELECT id, name FROM app_user WHERE id = ANY($1)", list(people))
    states = await read_states(tx, language)
    versions = await pinned(
        tx,
        {(item.campaign, item.campaign_version) for item in items if isinstance(item, AnswerEntry)},
    )
    by_code = {state.code: state for state in states}
    refers = any(isinstance(item, DecisionEntry) and item.outcome == NOT_FIRST for item in items)
    return _Names(
        people={row["id"]: row["name"] for row in users},
        states=by_code,
        contents={key: version.content for key, version in versions.items()},
        firsts=await _read_firsts(tx, task, by_code) if refers else {},
        language=language,
    )


async def _read_firsts(
    tx: Tx, task: UUID, states: Mapping[str, StateChip]
) -> dict[UUID, FirstStep]:
    """By campaign, the step of `task` that made others `not_first`."""
    rows = await tx.fetch(_FIRSTS, tx.account, task, NOT_FIRST)
    return {
        row["campaign"]: FirstStep(
            state=states[row["state"]],
            at=row["moment"],
            outcome=row["outcome"],
            invitation=row["invitation"],
            survey=row["survey"],
        )
        for row in rows
    }


def _entry(entry: entries.Entry, names: _Names) -> EntryShown:
    match entry:
        case TransitionEntry():
            return _transition(entry, names)
        case DecisionEntry():
            return EntryShown(
                kind="decision",
                at=entry.at,
                code=entry.outcome,
                campaign=entry.campaign_name,
                release=entry.release,
                first=names.firsts.get(entry.campaign) if entry.outcome == NOT_FIRST else None,
            )
        case MailEntry():
            return EntryShown(
                kind="mail",
                at=entry.at,
                code=entry.event,
                campaign=entry.campaign_name,
                address=entry.address,
                detail=entry.detail,
                by=names.people[entry.by] if entry.by else "",
            )
        case AnswerEntry():
            return _answer(entry, names)
        case OpenEntry():
            return EntryShown(
                kind=entry.verdict,
                at=entry.at,
                code=entry.verdict,
                state=names.state(entry.state),
                who=names.people[entry.technician],
                reason=entry.reason,
                dismissed=entry.dismissed_at,
                by=names.people[entry.dismissed_by] if entry.dismissed_by else "",
                note=entry.dismissed_reason,
            )
    assert_never(entry)


def _transition(entry: TransitionEntry, names: _Names) -> EntryShown:
    late = entry.arrived_at - entry.at
    at_once = entry.received_at == entry.arrived_at
    return EntryShown(
        kind="transition",
        at=entry.at,
        state=names.state(entry.state),
        who=names.people[entry.technician],
        note=entry.note,
        late=late if late > LATE else None,
        unexpected=entry.unexpected,
        before_task=entry.before_task,
        unticked=not entry.survey,
        unticked_because=entry.survey_reason,
        by=names.people[entry.by] if entry.by else "",
        arrived=None if at_once else entry.arrived_at,
        accepted=None if at_once else entry.received_at,
        accepted_by=names.people[entry.accepted_by] if entry.accepted_by else "",
        captured=entry.email if entry.email_usable else None,
        unusable=None if entry.email_usable else entry.email,
    )


def _answer(entry: AnswerEntry, names: _Names) -> EntryShown:
    content = names.contents[entry.campaign, entry.campaign_version]
    return EntryShown(
        kind="answer",
        at=entry.at,
        version=entry.version,
        dropped=entry.dropped,
        rating=entry.rating,
        reasons=labels(content, entry.reasons, names.language),
        comment=entry.comment,
        call_back=entry.call_back,
        phone=entry.phone,
        not_me=entry.not_me,
    )


def labels(content: Content, codes: Iterable[str], language: str) -> list[str]:
    """The labels of the reasons `codes`; a code that the version does not have stays as it is."""
    known = {reason.code: text_in(reason.label, language) for reason in content.lead.reasons}
    return [known.get(code, code) for code in codes]
