"""What becomes of surveys that wait, if nothing else happens: what pages may promise.

The functions that judge at release are asked with the time of the release. Nothing is locked or
written.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Struct, structs

from mail import contacts
from mail.campaigns.cache import load
from mail.campaigns.calendar import Moved, Places
from mail.delivery import outbox
from mail.delivery.breakers import Route, read_open
from mail.delivery.judging import (
    Addressed,
    AtRelease,
    Dropped,
    Known,
    Paused,
    find_address,
    internal_among,
    judge_addressed,
    possible_addresses,
    versions_of,
)
from mail.delivery.judging import Waiting as Reserved
from mail.delivery.stages import Candidate, Cleared, Unplanned, Version
from rules.campaign import Status
from rules.decide import Choice, Late, Reason
from rules.timing import window_anchor
from sync.database import Tx
from sync.ids import new_id

#: What a survey waits for after its release: its campaign, the account's switch, its sender's
#: breaker, the outcome of another survey to its address, or an operator.
Obstacle: TypeAlias = Literal["campaign_paused", "sending_off", "breaker", "reserved", "restored"]

#: Surveys of one campaign and customer compete for the mute window of an address. Those of other
#: customers with the same address are not looked for, nor those behind so many tasks of a customer.
MOST_TASKS: Final = 1000
_RIVALS: Final = """
SELECT v.id FROM (
  SELECT DISTINCT i.campaign, t.customer
  FROM unnest($2::uuid[], $3::uuid[]) AS i (campaign, task)
  JOIN task t ON t.account = $1 AND t.id = i.task
  WHERE t.customer IS NOT NULL
) AS asked
CROSS JOIN LATERAL (
  SELECT id FROM task WHERE account = $1 AND customer = asked.customer LIMIT $4) k
CROSS JOIN LATERAL (
  SELECT id, status FROM invitation
  WHERE account = $1 AND campaign = asked.campaign AND task = k.id LIMIT 10) v
WHERE v.status IN ('scheduled', 'claimed')
"""
_ASKED: Final = """
SELECT campaign, task FROM invitation
WHERE account = $1 AND id = ANY($2) AND task IS NOT NULL
"""


class Leaves(Struct, frozen=True):
    """The survey is sent at `at` (UTC), which may be past by a moment, to `address` as typed.

    `moved`: why it goes later than it is ready, where the calendar moves it.
    """

    at: datetime
    address: str
    moved: Moved | None


class Stays(Struct, frozen=True):
    """The survey is dropped at its release, for `reason`; `choice`: as of `Skip`."""

    reason: Reason | Late
    choice: Choice | None = None


class Waits(Struct, frozen=True):
    """The survey is not sent before something changes; then it is, as far as is known."""

    obstacle: Obstacle


Forecast: TypeAlias = Leaves | Stays | Waits

_PAUSED: Final = Waits("campaign_paused")

#: Candidates with the time before which they are not tried.
_Timed: TypeAlias = tuple[Candidate, datetime]


async def forecast(
    tx: Tx, mail_from: str, invitations: Collection[UUID], planned: Sequence[Unplanned] = ()
) -> dict[UUID, Forecast]:
    """Return what becomes of those of `invitations` that wait, and of surveys `planned`, by id.

    `mail_from`: the sender of campaigns that name none. Empty where a sender is no address: then
    nothing can be decided.
    """
    if not invitations and not planned:
        return {}
    made = {survey.invitation for survey in planned}
    stored = {*invitations, *await _rivals(tx, invitations, planned)} - made
    waiting = await outbox.waiting(tx, stored)
    waiting += [(item, item.release) for item in await outbox.unplanned(tx, planned)]
    waiting.sort(key=lambda timed: (timed[0].release, timed[0].invitation))
    campaigns = await load(tx)
    try:
        versions = await versions_of(tx, mail_from, campaigns, [item for item, _ in waiting])
    except ValueError:
        return {}
    pairs = [(item, versions.get((item.campaign, item.version))) for item, _ in waiting]
    known = await _read_known(tx, campaigns.places, pairs)
    found = {}
    for (item, version), (_, until) in zip(pairs, waiting, strict=True):
        candidate, at = _by_calendar(item, max(tx.now, item.release, until), campaigns.places)
        found[item.invitation] = _forecast(candidate, version, at, known)
    asked = made.union(invitations)
    off = campaigns.is_off
    return {
        invitation: Waits("sending_off") if off and fate == _PAUSED else fate
        for invitation, fate in found.items()
        if invitation in asked
    }


async def _rivals(
    tx: Tx, invitations: Collection[UUID], planned: Sequence[Unplanned]
) -> Iterable[UUID]:
    rows = await tx.fetch(_ASKED, tx.account, invitations) if invitations else []
    asked = [(row["campaign"], row["task"]) for row in rows]
    asked += [(survey.campaign, survey.task) for survey in planned]
    if not asked:
        return ()
    campaigns, tasks = zip(*asked, strict=True)
    found = await tx.fetch(_RIVALS, tx.account, campaigns, tasks, MOST_TASKS)
    return (row["id"] for row in found)


async def _read_known(
    tx: Tx, places: Places, pairs: Sequence[tuple[Candidate, Version | None]]
) -> Known:
    """Return what the worker would judge by, as it is now; addresses without a row get an id."""
    possible = possible_addresses(pairs)
    read = await contacts.read(tx, possible)
    wanted = {(row.id, item.campaign) for row in read.values() for item, _ in pairs}
    mutes = await contacts.mutes_of(tx, wanted) if wanted else {}
    new = {address: contacts.Contact(new_id(), None) for address in possible - read.keys()}
    open_breakers: Mapping[Route, UUID | None] = dict.fromkeys(await read_open(tx))
    internal = await internal_among(tx, pairs, possible)
    seldom = {contact.id for contact in read.values() if contact.quarterly}
    recent = await contacts.recent_uses_of(tx, seldom) if seldom else {}
    return Known(tx.now, places, read | new, mutes, open_breakers, internal, recent)


def _by_calendar(candidate: Candidate, at: datetime, places: Places) -> tuple[Candidate, datetime]:
    """Return when a candidate that is tried `at` goes, and itself with its release then."""
    opens = places.calendar(candidate.zone, candidate.region).first_open(at)
    if candidate.is_offered or opens == at:
        return candidate, at
    return structs.replace(candidate, release=opens), opens


def _forecast(
    candidate: Candidate, version: Version | None, at: datetime, known: Known
) -> Forecast:
    """Return what is decided on a candidate at `at`; one that leaves takes its mute window."""
    if candidate.due_before_restore:
        return Waits("restored")
    read = known.contacts.items()
    empty = {address for address, contact in read if contact.suppressed in contacts.EMPTY}
    outcome: AtRelease | Addressed = find_address(candidate, version, empty, known.places, at)
    if isinstance(outcome, Addressed):
        outcome = judge_addressed(outcome, structs.replace(known, now=at))
    match outcome:
        case Cleared():
            confirm_uses(outcome, at, known)
            place = candidate.zone, candidate.region
            moved = known.places.why_moved(*place, candidate.ready)
            return Leaves(at, outcome.to.typed, None if candidate.is_offered else moved)
        case Dropped():
            return Stays(outcome.reason, outcome.choice)
        case Reserved():
            return Waits("reserved")
        case Paused():
            return _paused(candidate, version, at, known)
        case _:
            after = _forecast(candidate, version, at, structs.replace(known, open_breakers={}))
            return after if isinstance(after, Stays) else Waits("breaker")


def confirm_uses(sent: Cleared, at: datetime, known: Known) -> None:
    """Let the windows of a contact that gets this survey `at` that time (UTC) begin with it."""
    item = sent.candidate
    counted = window_anchor(item.ready, item.release, at)
    key = (sent.contact, item.campaign)
    taken = known.mutes.get(key)
    if taken is not None and taken.invitation == item.invitation and not taken.confirmed:
        known.mutes[key] = structs.replace(taken, confirmed=True, counted_from=counted)
    for place, use in enumerate(uses := known.recent.get(sent.contact, [])):
        if use.invitation == item.invitation and not use.confirmed:
            uses[place] = structs.replace(use, confirmed=True, counted_from=counted)


def _paused(candidate: Candidate, version: Version | None, at: datetime, known: Known) -> Forecast:
    """Return what is decided once the campaign is resumed. A pause may outlast a window."""
    if version is None:
        return _PAUSED
    ended = tuple(
        structs.replace(pause, end=at) if pause.end is None else pause
        for pause in version.rules.pauses
    )
    rules = structs.replace(version.rules, status=Status.ACTIVE, pauses=ended)
    after = _forecast(candidate, structs.replace(version, rules=rules), at, known)
    if not isinstance(after, Stays) or after.reason is Reason.MUTED or after.choice == "quarter":
        return _PAUSED
    return after
