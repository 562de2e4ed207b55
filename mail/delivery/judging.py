"""The decision at release: who is asked now, who not and why, who has to wait."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.contacts import MuteKey, Use
from mail.definition import Content
from mail.delivery.breakers import Probes, Route, Stopped, barring
from mail.delivery.due import Candidate
from mail.live import VersionKey
from rules.address import Resolved, normal_form, resolve
from rules.campaign import Campaign, Status
from rules.decide import Contact, Go, Mute, Reason, Skip, Wait, task_stands, to_contact
from rules.timing import window_anchor
from sync.database import Tx


class Version(Struct, frozen=True):
    """What an invitation asks by: rules, with status and mute as they are now, and content.

    `sender`: the address that its mails are from, its domain in punycode; `domain`: in lower case.
    """

    rules: Campaign
    content: Content
    sender: str
    domain: str


#: Of campaigns that were started; those of no other have invitations that go.
Versions: TypeAlias = Mapping[VersionKey, Version]


class Cleared(Struct, frozen=True):
    """`candidate` may be sent to `to`, whose row is `contact`.

    `probed`: the open breaker that lets this one through.
    """

    candidate: Candidate
    to: Resolved
    contact: UUID
    route: Route
    probed: Route | None


class Dropped(Struct, frozen=True):
    """`candidate` is not sent."""

    candidate: Candidate
    reason: Reason


class Waiting(Struct, frozen=True):
    """`candidate` is judged again later: once it is known what became of `holder`, if any."""

    candidate: Candidate
    holder: UUID | None


class Paused(Struct, frozen=True):
    """`candidate` stands still with its campaign."""

    candidate: Candidate


Outcome: TypeAlias = Cleared | Dropped | Waiting | Stopped | Paused


class _Known(Struct, frozen=True):
    """What is decided on, `contacts` by address.

    `mutes`: those that are reserved meanwhile count for who comes after.
    """

    now: datetime
    contacts: Mapping[str, contacts.Contact]
    mutes: dict[MuteKey, Mute]
    probes: Probes


async def judge(
    tx: Tx, candidates: Sequence[Candidate], versions: Versions, probes: Probes
) -> list[Outcome]:
    """Judge locked `candidates` in their order, leave the rows of their contacts locked, and
    keep whom those that may go are sent to.
    """
    asked = [(one, versions.get((one.campaign, one.version))) for one in candidates]
    possible = {
        normal
        for one, version in asked
        if version is not None
        for field in (version.rules.primary, version.rules.secondary)
        if field is not None and (normal := normal_form(one.mailboxes.get(field))) is not None
    }
    earlier = {one.earlier.address for one in candidates if one.earlier is not None}
    keys = await contacts.keys_of(tx, possible | earlier)
    seen = await contacts.look(tx, keys)
    empty = {address for address, one in seen.items() if one.suppressed in contacts.EMPTY}
    found = [(one, version, _address(one, version, empty)) for one, version in asked]
    addresses = {to.normal for _, _, to in found if to is not None}
    await contacts.make(tx, {one: keys[one] for one in addresses - seen.keys()})
    locked = await contacts.lock(tx, {one: keys[one] for one in addresses})
    wanted = {
        (locked[to.normal].id, one.campaign)
        for one, version, to in found
        if version is not None and to is not None and _window(one, version) is not None
    }
    known = _Known(tx.now, locked, await contacts.mutes_of(tx, wanted), probes)
    outcomes = [_outcome(one, version, to, known) for one, version, to in found]
    await contacts.use(tx, [_use(one, tx.now) for one in outcomes if isinstance(one, Cleared)])
    return outcomes


def _window(one: Candidate, version: Version) -> timedelta | None:
    """The mute window that `one` has to respect. A retry has none: it asked at its release."""
    return version.rules.mute if one.earlier is None else None


def _use(cleared: Cleared, now: datetime) -> Use:
    """Anchored as if sent at once, so that of a campaign with a window the last one is its own."""
    one = cleared.candidate
    counted_from = window_anchor(one.release, now)
    return Use(cleared.contact, one.invitation, one.campaign, counted_from)


def _address(one: Candidate, version: Version | None, empty: set[str]) -> Resolved | None:
    """Resolved once, at the first attempt; later ones go to the same address."""
    if version is None or version.rules.status is not Status.ACTIVE:
        return None
    if one.earlier is not None:
        return Resolved(one.earlier.typed, one.earlier.address, version.rules.primary)
    return resolve(one.mailboxes, version.rules.primary, version.rules.secondary, empty)


def _outcome(
    one: Candidate, version: Version | None, to: Resolved | None, known: _Known
) -> Outcome:
    if version is None or version.rules.status is Status.PAUSED:
        return Paused(one)
    if version.rules.status is Status.ARCHIVED:
        return Dropped(one, Reason.PAUSED)
    if (left := _left(one, version)) is not None:
        return Dropped(one, left.reason)
    if to is None:
        return Dropped(one, Reason.NO_ADDRESS)
    if known.contacts[to.normal].suppressed in contacts.EMPTY:
        # Between the look and the lock: a fresh one resolves again, a retry ends.
        return Waiting(one, None) if one.earlier is None else Dropped(one, Reason.SUPPRESSED)
    return _to_contact(one, version, to, known)


def _left(one: Candidate, version: Version) -> Skip | None:
    """Why the visit is asked about no more, if it has not been tried yet and is about one."""
    visit = one.visit
    if visit is None or one.earlier is not None:
        return None
    return task_stands(visit.state, visit.kind, version.rules.states_for(visit.type))


def _to_contact(one: Candidate, version: Version, to: Resolved, known: _Known) -> Outcome:
    route = Route(version.domain, to.normal.rpartition("@")[2])
    barred = barring(known.probes, route)
    if barred is not None and known.probes[barred] != one.invitation:
        return Stopped(one.invitation, route)
    found = known.contacts[to.normal]
    key = (found.id, one.campaign)
    mute = known.mutes.get(key)
    contact = Contact(found.suppressed is not None, mute)
    window = _window(one, version)
    verdict = to_contact(one.invitation, one.release, known.now, window, contact)
    match verdict:
        case Go(reserve=taken):
            if taken:
                known.mutes[key] = Mute(one.invitation, False, one.release)
            return Cleared(one, to, found.id, route, barred)
        case Wait():
            return Waiting(one, None if mute is None else mute.invitation)
        case Skip(reason=reason):
            return Dropped(one, reason)
    assert_never(verdict)
