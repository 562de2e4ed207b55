"""The decision at release: who is asked now, who not and why, who has to wait."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.contacts import MuteKey, Suppression
from mail.definition import Content
from mail.delivery.breakers import Probes, Route, Stopped, barring
from mail.delivery.due import Candidate
from mail.live import VersionKey
from rules.address import Resolved, normal_form, resolve
from rules.campaign import Campaign, Status
from rules.decide import Contact, Go, Mute, Reason, Skip, Wait, task_stands, to_contact
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
    """`candidate` may be sent to `to`. `probed`: the open breaker that lets this one through."""

    candidate: Candidate
    to: Resolved
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
    """What is decided on. `mutes`: those that are reserved meanwhile count for who comes after."""

    now: datetime
    suppressed: Mapping[str, Suppression | None]
    mutes: dict[MuteKey, Mute]
    reserved: dict[MuteKey, Mute]
    probes: Probes


async def judge(
    tx: Tx, candidates: Sequence[Candidate], versions: Versions, probes: Probes
) -> list[Outcome]:
    """Judge locked `candidates` in their order, leave the rows of their contacts locked, and
    reserve mute windows for those that may go.
    """
    asked = [(one, versions.get((one.campaign, one.version))) for one in candidates]
    possible = {
        normal
        for one, version in asked
        if version is not None
        for field in (version.rules.primary, version.rules.secondary)
        if field is not None and (normal := normal_form(one.mailboxes.get(field))) is not None
    }
    empty = await contacts.empty_among(tx, possible)
    found = [(one, version, _address(one, version, empty)) for one, version in asked]
    addresses = {to.normal for _, _, to in found if to is not None}
    suppressed = await contacts.lock_contacts(tx, addresses)
    mutes = await contacts.mutes_of(tx, addresses)
    known = _Known(tx.now, suppressed, mutes, {}, probes)
    outcomes = [_outcome(one, version, to, known) for one, version, to in found]
    await contacts.reserve(tx, known.reserved)
    return outcomes


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
    if known.suppressed[to.normal] in contacts.EMPTY:
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
    key = (to.normal, one.campaign)
    mute = known.mutes.get(key)
    contact = Contact(known.suppressed[to.normal] is not None, mute)
    # A retry is exempt from mute: it asked when it was released.
    window = version.rules.mute if one.earlier is None else None
    verdict = to_contact(one.invitation, one.release, known.now, window, contact)
    match verdict:
        case Go(reserve=taken):
            if taken:
                known.mutes[key] = known.reserved[key] = Mute(one.invitation, False, one.release)
            return Cleared(one, to, route, barred)
        case Wait():
            return Waiting(one, None if mute is None else mute.invitation)
        case Skip(reason=reason):
            return Dropped(one, reason)
    assert_never(verdict)
