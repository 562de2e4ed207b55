"""The decision at release: who is asked now, who not and why, who has to wait."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.contacts import EMPTY, MuteKey, Use
from mail.delivery.breakers import EVERY, Probes, Route, Stopped
from mail.delivery.stages import Candidate, Cleared, Version, Versions
from rules.address import Resolved, normal_form, resolve
from rules.campaign import Status
from rules.decide import Contact, Go, Mute, Reason, Skip, Wait, drop_reason_for_state, to_contact
from rules.timing import window_anchor
from sync.database import Tx


class Dropped(Struct, frozen=True):
    """`candidate` is not sent."""

    candidate: Candidate
    reason: Reason


class Waiting(Struct, frozen=True):
    """`candidate` is judged again once it is known what became of `holder`."""

    candidate: Candidate
    holder: UUID


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
    """Judge locked `candidates` in their order and record the addresses of those that may go.

    The rows of their contacts stay locked.
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
    locked = await contacts.lock(tx, possible | earlier)
    empty = {address for address, one in locked.items() if one.suppressed in EMPTY}
    found = [(one, version, _address(one, version, empty)) for one, version in asked]
    addresses = {to.normal for _, _, to in found if to is not None}
    locked |= await contacts.make(tx, addresses - locked.keys())
    wanted = {
        (locked[to.normal].id, one.campaign)
        for one, version, to in found
        if version is not None and version.rules.mute is not None and to is not None
    }
    known = _Known(tx.now, locked, await contacts.mutes_of(tx, wanted), probes)
    outcomes = [_outcome(one, version, to, known) for one, version, to in found]
    # Anchored as if sent at once, so that of a campaign with a window the last one is its own.
    uses = [
        Use(to, one.invitation, one.campaign, window_anchor(one.release, tx.now))
        for one, to in ((o.candidate, o.contact) for o in outcomes if isinstance(o, Cleared))
    ]
    await contacts.use(tx, uses)
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
    visit = one.visit
    if visit is not None and one.earlier is None:  # a retry asked at its release
        left = drop_reason_for_state(visit.state, visit.kind, version.rules.states_for(visit.type))
        if left is not None:
            return Dropped(one, left.reason)
    if to is None:
        return Dropped(one, Reason.NO_ADDRESS)
    return _to_contact(one, version, to, known)


def _to_contact(one: Candidate, version: Version, to: Resolved, known: _Known) -> Outcome:
    contact = known.contacts[to.normal]
    if contact.suppressed in EMPTY:  # a retry's: a fresh one goes to another address, if any
        return Dropped(one, Reason.SUPPRESSED)
    route = Route(version.domain, to.normal.rpartition("@")[2])
    whole = Route(version.domain, EVERY)
    barred = next((breaker for breaker in (whole, route) if breaker in known.probes), None)
    if barred is not None and known.probes[barred] != one.invitation:
        return Stopped(one.invitation, route)
    key = (contact.id, one.campaign)
    mute = known.mutes.get(key)
    window = version.rules.mute if one.earlier is None else None
    verdict = to_contact(
        one.invitation,
        one.release,
        known.now,
        window,
        Contact(contact.suppressed is not None, mute),
    )
    match verdict:
        case Go(reserve=taken):
            if taken:
                known.mutes[key] = Mute(one.invitation, False, one.release)
            return Cleared(one, version, to, contact.id, route, barred)
        case Wait():
            assert mute is not None  # noqa: S101 - who waits, waits for its holder
            return Waiting(one, mute.invitation)
        case Skip(reason=reason):
            return Dropped(one, reason)
    assert_never(verdict)
