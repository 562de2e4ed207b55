"""The decision at release: by their pinned versions, invitations are sent, dropped, or wait."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct, structs

from mail import contacts
from mail.campaigns.cache import CampaignSet, pinned
from mail.contacts import EMPTY, MuteKey, Use
from mail.delivery.breakers import EVERY, BehindBreaker, OpenBreakers, Route
from mail.delivery.stages import Candidate, Cleared, Version, Versions
from rules.address import Resolved, normal_form, resolve, sendable
from rules.campaign import Status
from rules.decide import (
    Contact,
    Go,
    Late,
    Mute,
    Reason,
    Skip,
    Wait,
    drop_reason_for_state,
    judge_contact,
)
from rules.timing import window_anchor
from sync.database import Tx


class Dropped(Struct, frozen=True):
    """An invitation that is not sent."""

    candidate: Candidate
    reason: Reason | Late


class Waiting(Struct, frozen=True):
    """An invitation that is decided once the outcome of the invitation `holder` is known."""

    candidate: Candidate
    holder: UUID


class Paused(Struct, frozen=True):
    """An invitation whose campaign is paused."""

    candidate: Candidate


AtRelease: TypeAlias = Cleared | Dropped | Waiting | BehindBreaker | Paused


class Addressed(Struct, frozen=True):
    """An invitation that may be sent unless its contact or a breaker prevents it."""

    candidate: Candidate
    version: Version
    to: Resolved


class Known(Struct, frozen=True):
    """What addressed invitations are judged by. `contacts`: by address, the worker's are locked.

    `mutes`: the mute windows of contacts, to which those are added that are reserved meanwhile.
    """

    now: datetime
    contacts: Mapping[str, contacts.Contact]
    mutes: dict[MuteKey, Mute]
    open_breakers: OpenBreakers


async def versions_of(
    tx: Tx, mail_from: str, campaigns: CampaignSet, candidates: Sequence[Candidate]
) -> Versions:
    """Return the pinned versions of candidates' campaigns, of those that are not drafts.

    `mail_from`: the sender of campaigns that name none.

    :raises ValueError: the sender of one is no address.
    """
    known = campaigns.campaigns
    keys = {(item.campaign, item.version) for item in candidates if item.campaign in known}
    versions = {}
    for (campaign, number), version in (await pinned(tx, keys)).items():
        rules = newest = known[campaign]
        if newest.version != number:  # the mute window is the current one
            rules = structs.replace(version.as_campaign(number, newest), mute=newest.mute)
        sender = sendable(version.content.message.sender_address or mail_from)
        domain = sender.rpartition("@")[2].lower()
        versions[campaign, number] = Version(rules, version.content, sender, domain)
    return versions


async def judge_and_reserve(
    tx: Tx, candidates: Sequence[Candidate], versions: Versions, open_breakers: OpenBreakers
) -> list[AtRelease]:
    """Judge locked `candidates` in their order, and record the uses of contacts by cleared ones.

    The rows of the contacts stay locked.
    """
    pairs = [(item, versions.get((item.campaign, item.version))) for item in candidates]
    locked = await contacts.lock(tx, possible_addresses(pairs))
    empty = {address for address, contact in locked.items() if contact.suppressed in EMPTY}
    found = [find_address(candidate, version, empty) for candidate, version in pairs]
    addressed = [item for item in found if isinstance(item, Addressed)]
    locked |= await contacts.create(tx, {item.to.normal for item in addressed} - locked.keys())
    wanted = {
        (locked[item.to.normal].id, item.candidate.campaign)
        for item in addressed
        if item.version.rules.mute is not None
    }
    mutes = await contacts.mutes_of(tx, wanted) if wanted else {}
    known = Known(tx.now, locked, mutes, open_breakers)
    outcomes = [
        judge_addressed(item, known) if isinstance(item, Addressed) else item for item in found
    ]
    # Counted from now, as if sent at once, so that a campaign's last use holds its mute window.
    uses = [
        Use(contact, item.invitation, item.campaign, window_anchor(item.release, tx.now))
        for item, contact in ((o.candidate, o.contact) for o in outcomes if isinstance(o, Cleared))
    ]
    await contacts.add_uses(tx, uses)
    return outcomes


def possible_addresses(pairs: Iterable[tuple[Candidate, Version | None]]) -> set[str]:
    """Return the normal forms of all addresses that candidates may be sent to."""
    possible = set()
    for candidate, version in pairs:
        if candidate.earlier is not None:
            possible.add(candidate.earlier.address)
        if version is not None:
            fields = (version.rules.primary, version.rules.secondary)
            typed = (candidate.mailboxes.get(field) for field in fields if field is not None)
            possible |= {form for form in map(normal_form, typed) if form is not None}
    return possible


def find_address(
    candidate: Candidate, version: Version | None, empty: set[str]
) -> Addressed | Dropped | Paused:
    """Return an invitation with its address, or why it is not sent whatever its address.

    `empty`: addresses that count as absent: they bounced, or their mailbox stays full. Later
    attempts keep the address of the first, and the state of the task does not matter then.
    """
    if version is None or version.rules.status is Status.PAUSED:
        return Paused(candidate)
    rules = version.rules
    if rules.status is Status.ARCHIVED:
        return Dropped(candidate, Reason.PAUSED)
    earlier, visit = candidate.earlier, candidate.visit
    if earlier is not None:
        to = Resolved(earlier.typed, earlier.address, rules.primary)
        return Addressed(candidate, version, to)
    if visit is not None:
        skip = drop_reason_for_state(visit.state, visit.kind, rules.states_for(visit.type))
        if skip is not None:
            return Dropped(candidate, skip.reason)
    resolved = resolve(candidate.mailboxes, rules.primary, rules.secondary, empty)
    if resolved is None:
        return Dropped(candidate, Reason.NO_ADDRESS)
    return Addressed(candidate, version, resolved)


def judge_addressed(item: Addressed, known: Known) -> AtRelease:
    """Return whether an addressed invitation is sent; one that is takes its mute window."""
    candidate, version, to = item.candidate, item.version, item.to
    contact = known.contacts[to.normal]
    if candidate.deadline is not None and candidate.deadline <= known.now:
        return Dropped(candidate, Late.DEADLINE)
    if contact.suppressed in EMPTY:  # of a retry; a first attempt goes to another address, if any
        return Dropped(candidate, Reason.SUPPRESSED)
    route = Route(version.domain, to.normal.rpartition("@")[2])
    any_recipient = Route(version.domain, EVERY)
    barred = next((key for key in (any_recipient, route) if key in known.open_breakers), None)
    if barred is not None and known.open_breakers[barred] != candidate.invitation:
        return BehindBreaker(candidate.invitation, route)
    key = (contact.id, candidate.campaign)
    mute = known.mutes.get(key)
    verdict = judge_contact(
        candidate.invitation,
        candidate.release,
        known.now,
        version.rules.mute if candidate.earlier is None else None,
        Contact(contact.suppressed is not None, mute),
    )
    match verdict:
        case Go(reserve=reserve):
            if reserve:
                known.mutes[key] = Mute(candidate.invitation, False, candidate.release)
            return Cleared(candidate, version, to, contact.id, route, barred)
        case Wait():
            assert mute is not None  # noqa: S101 - the rule waits for the holder of the window
            return Waiting(candidate, mute.invitation)
        case Skip(reason=reason):
            return Dropped(candidate, reason)
    assert_never(verdict)
