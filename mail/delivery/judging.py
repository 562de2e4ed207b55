"""The decision at release: by their pinned versions, invitations are sent, dropped, or wait."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias, assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from mail import contacts
from mail.campaigns.cache import CampaignSet, pinned
from mail.campaigns.calendar import Places
from mail.contacts import EMPTY, MuteKey, Use
from mail.delivery.breakers import BehindBreaker, OpenBreakers, Route
from mail.delivery.stages import Candidate, Cleared, Version, Versions
from rules.address import Resolved, normal_form, resolve, sendable
from rules.at_release import (
    Contact,
    Go,
    Mute,
    Timed,
    Wait,
    drop_reason_for_campaign,
    drop_reason_for_state,
    judge_contact,
)
from rules.campaign import Status
from rules.decide import Choice, Late, Reason, Skip
from rules.timing import window_anchor
from sync.database import Tx

_OF_USERS: Final = "SELECT email FROM app_user WHERE account = $1 AND email = ANY($2) AND active"


class Dropped(Struct, frozen=True):
    """An invitation that is not sent. `choice`: as of `Skip`."""

    candidate: Candidate
    reason: Reason | Late
    choice: Choice | None = None


class Waiting(Struct, frozen=True):
    """An invitation that is decided once the outcome of the invitation `holder` is known."""

    candidate: Candidate
    holder: UUID


class Paused(Struct, frozen=True):
    """An invitation whose campaign is paused."""

    candidate: Candidate


class Postponed(Struct, frozen=True):
    """An invitation that the calendar keeps back until the time `until` (UTC), its new release."""

    candidate: Candidate
    until: datetime


AtRelease: TypeAlias = Cleared | Dropped | Waiting | BehindBreaker | Paused | Postponed


class Addressed(Struct, frozen=True):
    """An invitation that may be sent unless its contact or a breaker prevents it."""

    candidate: Candidate
    version: Version
    to: Resolved


class Known(Struct, frozen=True):
    """What addressed invitations are judged by. `contacts`: by address, the worker's are locked.

    `places`: the calendars of locations. `mutes`: the mute windows of contacts, to which those are
    added that are reserved meanwhile. `internal`: addresses of the account itself. `recent`: the
    last uses of contacts that are asked once a quarter, with those that are reserved meanwhile.
    """

    now: datetime
    places: Places
    contacts: Mapping[str, contacts.Contact]
    mutes: dict[MuteKey, Mute]
    open_breakers: OpenBreakers
    internal: frozenset[str] = frozenset()
    recent: dict[UUID, list[Mute]] = {}


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
            rules = version.as_campaign(number, newest, campaigns.company)
            rules = structs.replace(rules, mute=newest.mute)
        sender = sendable(version.content.message.sender_address or mail_from)
        domain = sender.rpartition("@")[2].lower()
        versions[campaign, number] = Version(
            rules, version.content, sender, domain, campaigns.sender
        )
    return versions


async def judge_and_reserve(
    tx: Tx,
    places: Places,
    candidates: Sequence[Candidate],
    versions: Versions,
    open_breakers: OpenBreakers,
) -> list[AtRelease]:
    """Judge locked `candidates` in their order, and record the uses of contacts by cleared ones.

    The rows of the contacts stay locked.
    """
    pairs = [(item, versions.get((item.campaign, item.version))) for item in candidates]
    locked = await contacts.lock(tx, possible_addresses(pairs))
    empty = {address for address, contact in locked.items() if contact.suppressed in EMPTY}
    found = [find_address(*pair, empty, places, tx.now) for pair in pairs]
    addressed = [item for item in found if isinstance(item, Addressed)]
    locked |= await contacts.create(tx, {item.to.normal for item in addressed} - locked.keys())
    wanted = {
        (locked[item.to.normal].id, item.candidate.campaign)
        for item in addressed
        if item.version.rules.mute is not None
    }
    mutes = await contacts.mutes_of(tx, wanted) if wanted else {}
    internal = await internal_among(tx, pairs, {item.to.normal for item in addressed})
    seldom = {contact.id for contact in locked.values() if contact.quarterly}
    recent = await contacts.recent_uses_of(tx, seldom) if seldom else {}
    known = Known(tx.now, places, locked, mutes, open_breakers, internal, recent)
    outcomes = [
        judge_addressed(item, known) if isinstance(item, Addressed) else item for item in found
    ]
    # Counted from now, as if sent at once, so that a campaign's last use holds its mute window.
    uses = []
    for cleared in (item for item in outcomes if isinstance(item, Cleared)):
        item = cleared.candidate
        if item.is_reminder:  # a window neither begins with it nor is extended
            continue
        counted = window_anchor(item.ready, item.release, tx.now)
        uses.append(Use(cleared.contact, item.invitation, item.campaign, counted))
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


async def internal_among(
    tx: Tx, pairs: Iterable[tuple[Candidate, Version | None]], addresses: Collection[str]
) -> frozenset[str]:
    """Return those of `addresses` that are the account's own: of its domains, or of its users."""
    domains = {name for _, version in pairs if version for name in version.identity.domains}
    found = {address for address in addresses if address.rpartition("@")[2] in domains}
    users = await tx.fetch(_OF_USERS, tx.account, list(addresses)) if addresses else []
    return frozenset(found.union(row["email"] for row in users))


def find_address(
    candidate: Candidate,
    version: Version | None,
    empty: set[str],
    places: Places,
    now: datetime,
) -> Addressed | Dropped | Paused | Postponed:
    """Return an invitation with its address, or why it is not sent whatever its address.

    `empty`: addresses that count as absent: they bounced, or their mailbox stays full. Later
    attempts keep the address of the first; neither calendar nor state of the task matter then. To a
    reminder, whose address is known before, the calendar matters.
    """
    if version is None or version.rules.status is Status.PAUSED:
        return Paused(candidate)
    rules = version.rules
    skip = drop_reason_for_campaign(rules, candidate.release, candidate.vouched_at)
    if skip is not None:
        return Dropped(candidate, skip.reason)
    place = candidate.zone, candidate.region
    by_calendar = places.account is not None and candidate.untried
    if by_calendar and (opens := places.calendar(*place).first_open(now)) > now:
        late = candidate.too_late(opens)
        return Dropped(candidate, late) if late else Postponed(candidate, opens)
    earlier, visit = candidate.earlier, candidate.visit
    if earlier is not None:
        to = Resolved(earlier.typed, earlier.address, rules.primary)
        return Addressed(candidate, version, to)
    if visit is not None and not candidate.manual:
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
    late = candidate.too_late(known.now)
    # Of a retry: a first attempt goes to another address, if any.
    is_lost = contact.suppressed in EMPTY and to.normal not in known.internal
    if late or is_lost:
        return Dropped(candidate, late or Reason.SUPPRESSED)
    route = Route(version.domain, to.normal.rpartition("@")[2])
    barred = next((key for key in (route.to_any, route) if key in known.open_breakers), None)
    if barred is not None and known.open_breakers[barred] != candidate.invitation:
        return BehindBreaker(candidate.invitation, route)
    key = (contact.id, candidate.campaign)
    is_counted = contact.quarterly and not candidate.is_reminder
    verdict = judge_contact(
        candidate.invitation,
        Timed(candidate.ready, candidate.release, known.now, ZoneInfo(candidate.zone)),
        None if candidate.earlier or candidate.limits_waived else version.rules.mute,
        Contact(
            contact.suppressed is not None,
            known.mutes.get(key),
            to.normal in known.internal,
            candidate.campaign in (contact.left_campaigns or ()),
            _last_of_others(candidate, known.recent[contact.id]) if is_counted else None,
        ),
    )
    match verdict:
        case Go(reserve=reserve):
            own = Mute(candidate.invitation, False, candidate.release)
            if reserve or (candidate.limits_waived and not candidate.is_reminder):
                known.mutes[key] = own
            if is_counted:
                known.recent[contact.id] = [own, *known.recent[contact.id][:1]]
            return Cleared(candidate, version, to, contact.id, route, barred)
        case Wait(holder=holder):
            return Waiting(candidate, holder)
        case Skip(reason=reason, choice=choice):
            return Dropped(candidate, reason, choice)
    assert_never(verdict)


def _last_of_others(candidate: Candidate, uses: Sequence[Mute]) -> Mute | None:
    """Return the last use of a contact by another invitation than the candidate's.

    One that has a reservation itself does not wait for another's, which may wait for it: both were
    on their way when the person chose.
    """
    has_own = any(use.invitation == candidate.invitation for use in uses)
    others = (use for use in uses if use.invitation != candidate.invitation)
    return next((use for use in others if use.confirmed or not has_own), None)
