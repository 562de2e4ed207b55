"""A task's timeline as its page shows it: transitions, decisions, mails and answers by day."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Final, assert_never
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Struct

from mail.campaigns.cache import VersionKey, pinned
from mail.campaigns.definition import Content
from mail.campaigns.questions import LEAD
from mail.responses.recording import Value
from rules.decide import Reason
from server.console.answers_shown import read_said
from server.console.shown_entries import (
    Day,
    EntryShown,
    FirstStep,
    KeptBackBy,
    TimelineView,
)
from server.console.state_labels import StateChip, read_states
from server.timeline import entries, pages
from server.timeline.entries import (
    AnswerEntry,
    DecisionEntry,
    MailEntry,
    OpenEntry,
    RoundEntry,
    TransitionEntry,
)
from server.timeline.pages import Window, read_cursor
from server.web.times import Clock
from sync.database import Tx
from sync.errors import CursorError

#: By campaign and round: a step that was asked about comes before earlier ones that were not.
_FIRSTS: Final = """
SELECT DISTINCT ON (d.campaign, d.round) d.campaign, d.round, n.state, n.moment, d.outcome,
  i.id AS invitation, i.status AS survey
FROM decision d
JOIN transition n ON n.account = d.account AND n.id = d.transition
LEFT JOIN invitation i
  ON i.account = d.account AND i.campaign = d.campaign AND i.task = d.task
  AND i.transition = d.transition
WHERE d.account = $1 AND d.task = $2 AND d.outcome <> $3
ORDER BY d.campaign, d.round, d.outcome <> 'scheduled', n.moment, n.sequence, n.id
"""
#: The fields of entries that name a user.
_PEOPLE: Final = ("technician", "by", "accepted_by", "dismissed_by", "requested_by")
_USERS: Final = "SELECT id, name FROM app_user WHERE account = $1 AND id = ANY($2)"
NOT_FIRST: Final = Reason.NOT_FIRST.value
CANCELLED: Final = Reason.CANCELLED.value
#: A transition that is received later than this after its moment was made without network.
LATE: Final = timedelta(minutes=5)


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
    shown = [_entry(entry, names) for entry in _without_doubles(page.items)]
    return TimelineView(
        days=[
            Day(day, list(of_day))
            for day, of_day in groupby(shown, lambda entry: clock.local(entry.at).date())
        ],
        earlier=urlencode({"before": page.earlier}) if page.earlier else "",
        later=urlencode({"after": page.later}) if page.later else "",
    )


def _without_doubles(items: Sequence[entries.Entry]) -> list[entries.Entry]:
    """The entries without decisions that a mail's entry tells with who and why: cancelled ones."""
    cancelled = {
        (item.campaign, item.at)
        for item in items
        if isinstance(item, MailEntry) and item.event == CANCELLED
    }
    return [
        item
        for item in items
        if not isinstance(item, DecisionEntry)
        or item.outcome != CANCELLED
        or (item.campaign, item.at) not in cancelled
    ]


class _Names(Struct, frozen=True):
    """The names of users and states, and the campaign contents, that a page of entries needs."""

    people: dict[UUID, str]
    states: dict[str, StateChip]
    contents: dict[VersionKey, Content]
    firsts: dict[tuple[UUID, int], FirstStep]
    language: str

    def person(self, user: UUID | None) -> str:
        """The user's name; empty for none."""
        return self.people[user] if user is not None else ""

    def state(self, code: str) -> StateChip:
        """The state's chip; a device may have pushed a code that the account does not have."""
        return self.states.get(code, StateChip(code, "", "unknown"))


async def _read_names(tx: Tx, task: UUID, items: Sequence[entries.Entry], language: str) -> _Names:
    people = {
        getattr(item, field)
        for item in items
        for field in _PEOPLE
        if getattr(item, field, None) is not None
    }
    users = await tx.fetch(_USERS, tx.account, list(people))
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
) -> dict[tuple[UUID, int], FirstStep]:
    """By campaign and round, the step of `task` that made others `not_first`."""
    rows = await tx.fetch(_FIRSTS, tx.account, task, NOT_FIRST)
    return {
        (row["campaign"], row["round"]): FirstStep(
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
            return _decision(entry, names)
        case RoundEntry():
            return EntryShown(
                kind="round",
                at=entry.at,
                number=entry.round,
                by=names.person(entry.by),
                note=entry.reason,
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
                by=names.person(entry.dismissed_by),
                note=entry.dismissed_reason,
            )
    assert_never(entry)


def _decision(entry: DecisionEntry, names: _Names) -> EntryShown:
    first = names.firsts.get((entry.campaign, entry.round))
    in_the_way = KeptBackBy(
        entry.kept_back_by_task, entry.kept_back_by_title or "", entry.kept_back_by_sent_at
    )
    return EntryShown(
        kind="decision",
        at=entry.at,
        code="/".join(filter(None, (entry.outcome, entry.choice))),
        campaign=entry.campaign_name,
        release=entry.release,
        first=first if entry.outcome == NOT_FIRST else None,
        by=names.person(entry.requested_by),
        note=entry.request_reason,
        kept_back_by=None if entry.kept_back_by is None else in_the_way,
    )


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
        by=names.person(entry.by),
        arrived=None if at_once else entry.arrived_at,
        accepted=None if at_once else entry.received_at,
        accepted_by=names.person(entry.accepted_by),
        captured=entry.email if entry.email_usable else None,
        unusable=None if entry.email_usable else entry.email,
    )


def _answer(entry: AnswerEntry, names: _Names) -> EntryShown:
    content = names.contents[entry.campaign, entry.campaign_version]
    lead = Value(
        kind=entry.lead_kind, value=entry.rating, choices=entry.reasons, text=entry.comment
    )
    values = {LEAD: lead, **entry.further}
    return EntryShown(
        kind="answer",
        at=entry.at,
        version=entry.version,
        dropped=entry.dropped,
        said=read_said(content, values, names.language),
        call_back=entry.call_back,
        phone=entry.phone,
        not_me=entry.not_me,
    )
