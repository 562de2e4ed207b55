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
from mail.campaigns.cache import CampaignSet, load
from mail.campaigns.calendar import Moved
from mail.delivery import outbox
from mail.delivery.breakers import Route, read_open
from mail.delivery.judging import (
    Addressed,
    AtRelease,
    Dropped,
    Paused,
    find_address,
    judge_addressed,
)
from mail.delivery.judging import Waiting as Reserved
from mail.delivery.known import (
    Known,
    Rival,
    Target,
    by_calendar,
    confirm,
    possible_addresses,
    read_known,
    versions_of,
)
from mail.delivery.stages import Candidate, Cleared, Unplanned, Version, Versions
from rules.campaign import Status
from rules.decide import Choice, Late, Reason
from sync.database import Tx
from sync.ids import new_id

#: What a survey waits for after its release: its campaign, the account's switch, its sender's
#: breaker, the outcome of another survey to its address, or an operator.
Obstacle: TypeAlias = Literal["campaign_paused", "sending_off", "breaker", "reserved", "restored"]

#: Surveys of one campaign and customer compete for the mute window of an address, and where there
#: is a cap those of all campaigns, also of one location. Others with the same address are not
#: looked for, nor those behind so many tasks.
MOST_TASKS: Final = 1000
_RIVALS: Final = """
SELECT v.id FROM (
  SELECT DISTINCT i.campaign, t.customer, t.location
  FROM unnest($2::uuid[], $3::uuid[]) AS i (campaign, task)
  JOIN task t ON t.account = $1 AND t.id = i.task
) AS asked
CROSS JOIN LATERAL (
  (SELECT id FROM task WHERE account = $1 AND customer = asked.customer LIMIT $4)
  UNION
  (SELECT id FROM task WHERE account = $1 AND location = asked.location AND $5 LIMIT $4)) k
CROSS JOIN LATERAL (
  SELECT id, status FROM invitation
  WHERE account = $1 AND task = k.id AND (campaign = asked.campaign OR $5) LIMIT 20) v
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
#: What a pause may outlast.
_ON_CLOCKS: Final = (Reason.MUTED, Reason.CAPPED)


class _Yields(Struct, frozen=True):
    """The survey is decided after `holder`, which waits itself and has a higher priority."""

    holder: UUID


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
    campaigns = await load(tx)
    others = await _rivals(tx, invitations, planned, has_cap=campaigns.cap is not None)
    waiting = await outbox.waiting(tx, {*invitations, *others} - made)
    waiting += [(item, item.release) for item in await outbox.unplanned(tx, planned)]
    waiting.sort(key=lambda timed: (timed[0].release, timed[0].invitation))
    try:
        versions = await versions_of(tx, mail_from, campaigns, [item for item, _ in waiting])
    except ValueError:
        return {}
    known = await _read_known(tx, campaigns, waiting, versions)
    found = _foretell(waiting, versions, known)
    asked = made.union(invitations)
    off = campaigns.is_off
    return {
        invitation: Waits("sending_off") if off and fate == _PAUSED else fate
        for invitation, fate in found.items()
        if invitation in asked
    }


def _foretell(waiting: Sequence[_Timed], versions: Versions, known: Known) -> dict[UUID, Forecast]:
    """Return what becomes of those that are `waiting`, in the order in which they are tried.

    One that yields to another is tried again after that.
    """
    outstanding = [(item, max(known.now, item.release, until)) for item, until in waiting]
    found: dict[UUID, Forecast] = {}
    while outstanding:
        item, until = outstanding.pop(0)
        candidate, at = by_calendar(item, until, known.places)
        version = versions.get((item.campaign, item.version))
        fate = _forecast(candidate, version, at, known)
        if not isinstance(fate, _Yields):
            found[item.invitation] = fate
            continue
        holders = [other.invitation for other, _ in outstanding]
        if fate.holder in holders:
            place = holders.index(fate.holder)
            outstanding.insert(place + 1, (item, max(at, outstanding[place][1])))
        else:
            found[item.invitation] = Waits("reserved")
    return found


async def _rivals(
    tx: Tx, invitations: Collection[UUID], planned: Sequence[Unplanned], *, has_cap: bool
) -> Iterable[UUID]:
    rows = await tx.fetch(_ASKED, tx.account, invitations) if invitations else []
    asked = [(row["campaign"], row["task"]) for row in rows]
    asked += [(survey.campaign, survey.task) for survey in planned]
    if not asked:
        return ()
    campaigns, tasks = zip(*asked, strict=True)
    found = await tx.fetch(_RIVALS, tx.account, campaigns, tasks, MOST_TASKS, has_cap)
    return (row["id"] for row in found)


async def _read_known(
    tx: Tx, campaigns: CampaignSet, waiting: Sequence[_Timed], versions: Versions
) -> Known:
    """Return what the worker would judge by, as it is now; addresses without a row get an id."""
    rivals, targets = [], []
    for item, until in waiting:
        if (version := versions.get((item.campaign, item.version))) is not None:
            rivals.append(Rival(item, version, until))
            possible = possible_addresses([(item, version)])
            targets += [Target(item, version, address) for address in possible]
    rows = await contacts.read(tx, {target.address for target in targets})
    for target in targets:
        rows.setdefault(target.address, contacts.Contact(new_id(), None))
    open_breakers: Mapping[Route, UUID | None] = dict.fromkeys(await read_open(tx))
    competing = rivals if campaigns.cap else []
    return await read_known(tx, campaigns, rows, targets, open_breakers, competing)


def _forecast(
    candidate: Candidate, version: Version | None, at: datetime, known: Known
) -> Forecast | _Yields:
    """Return what is decided on a candidate at `at`; one that leaves takes its mute window."""
    if candidate.due_before_restore:
        return Waits("restored")
    outcome: AtRelease | Addressed
    outcome = find_address(candidate, version, known.empty, known.places, at)
    if isinstance(outcome, Addressed):
        outcome = judge_addressed(outcome, structs.replace(known, now=at))
    match outcome:
        case Cleared():
            confirm(outcome, at, known)
            place = candidate.zone, candidate.region
            moved = known.places.why_moved(*place, candidate.ready)
            return Leaves(at, outcome.to.typed, None if candidate.is_offered else moved)
        case Dropped():
            return Stays(outcome.reason, outcome.choice)
        case Reserved(holder=holder, yields=yields):
            return _Yields(holder) if yields else Waits("reserved")
        case Paused():
            return _paused(candidate, version, at, known)
        case _:
            without = structs.replace(_apart(known), open_breakers={})
            after = _forecast(candidate, version, at, without)
            return after if isinstance(after, Stays) else Waits("breaker")


def _apart(known: Known) -> Known:
    """Return `known` for a survey that others do not wait for: its use counts for none."""
    return structs.replace(known, recent=dict(known.recent), settled=set(known.settled))


def _paused(candidate: Candidate, version: Version | None, at: datetime, known: Known) -> Forecast:
    """Return what is decided once the campaign is resumed. A pause may outlast a window."""
    if version is None:
        return _PAUSED
    ended = tuple(
        structs.replace(pause, end=at) if pause.end is None else pause
        for pause in version.rules.pauses
    )
    rules = structs.replace(version.rules, status=Status.ACTIVE, pauses=ended)
    after = _forecast(candidate, structs.replace(version, rules=rules), at, _apart(known))
    if not isinstance(after, Stays) or after.reason in _ON_CLOCKS or after.choice == "quarter":
        return _PAUSED
    return after
