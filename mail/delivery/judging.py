"""The decision at release: by their pinned versions, invitations are sent, dropped, or wait."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias, assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from mail import contacts
from mail.campaigns.cache import CampaignSet
from mail.campaigns.calendar import Places
from mail.contacts import EMPTY
from mail.delivery.breakers import BehindBreaker, OpenBreakers, Route
from mail.delivery.known import (
    Known,
    Rival,
    Target,
    by_calendar,
    confirm,
    empty_among,
    possible_addresses,
    read_known,
)
from mail.delivery.stages import Candidate, Cleared, Version, Versions
from mail.delivery.uses import Use, add_uses
from rules.address import Resolved, resolve
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
from rules.calendar import civil_day
from rules.campaign import Campaign, Status
from rules.decide import Choice, Late, Reason, Skip
from rules.timing import window_anchor
from sync.database import Tx


class Dropped(Struct, frozen=True):
    """An invitation that is not sent. `choice`, `holder`: as of `Skip`."""

    candidate: Candidate
    reason: Reason | Late
    choice: Choice | None = None
    holder: UUID | None = None


class Waiting(Struct, frozen=True):
    """An invitation that is decided once the outcome of the invitation `holder` is known.

    `yields`: that waits itself, and has a higher priority.
    """

    candidate: Candidate
    holder: UUID
    yields: bool


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


async def judge_and_reserve(
    tx: Tx,
    campaigns: CampaignSet,
    candidates: Sequence[Candidate],
    versions: Versions,
    open_breakers: OpenBreakers,
    rivals: Sequence[Rival] = (),
) -> list[AtRelease]:
    """Judge locked `candidates` in their order, and record the uses of contacts by cleared ones.

    `rivals`: those that they may have to wait for. The rows of the contacts stay locked.
    """
    pairs = [(item, versions.get((item.campaign, item.version))) for item in candidates]
    locked = await contacts.lock(tx, possible_addresses(pairs))
    others = possible_addresses((one.candidate, one.version) for one in rivals) - locked.keys()
    empty = empty_among(locked)
    found = [find_address(*pair, empty, campaigns.places, tx.now) for pair in pairs]
    addressed = [item for item in found if isinstance(item, Addressed)]
    locked |= await contacts.create(tx, {item.to.normal for item in addressed} - locked.keys())
    rows = (await contacts.read(tx, others) if others else {}) | locked
    targets = [Target(item.candidate, item.version, item.to.normal) for item in addressed]
    known = await read_known(tx, campaigns, rows, targets, open_breakers, rivals)
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
        whose = (item.campaign, counted, item.customer_id)
        uses.append(Use(cleared.contact, item.invitation, *whose))
    await add_uses(tx, uses)
    return outcomes


def find_address(
    candidate: Candidate,
    version: Version | None,
    empty: frozenset[str],
    places: Places,
    now: datetime,
) -> Addressed | Dropped | Paused | Postponed:
    """Return an invitation with its address, or why it is not sent whatever its address.

    `empty`: addresses that count as absent: they bounced, or their mailbox stays full. Later
    attempts keep the address of the first. Once a server was offered it, neither calendar nor state
    of the task matter.
    """
    if version is None or version.rules.status is Status.PAUSED:
        return Paused(candidate)
    rules = version.rules
    skip = drop_reason_for_campaign(rules, candidate.release, candidate.vouched_at)
    if skip is not None:
        return Dropped(candidate, skip.reason)
    earlier = candidate.earlier
    kept = None if candidate.is_offered else _before_offered(candidate, rules, places, now)
    if kept is not None:
        return kept
    if earlier is not None:
        to = Resolved(earlier.typed, earlier.address, rules.primary)
        return Addressed(candidate, version, to)
    resolved = resolve(candidate.mailboxes, rules.primary, rules.secondary, empty)
    if resolved is None:
        return Dropped(candidate, Reason.NO_ADDRESS)
    return Addressed(candidate, version, resolved)


def _before_offered(
    candidate: Candidate, rules: Campaign, places: Places, now: datetime
) -> Postponed | Dropped | None:
    """Return what the calendar or the state of its task makes of a mail that no server has seen."""
    visit, place = candidate.visit, (candidate.zone, candidate.region)
    if places.account and (opens := places.calendar(*place).first_open(now)) > now:
        late = candidate.too_late(opens)
        return Dropped(candidate, late) if late else Postponed(candidate, opens)
    if visit is None or candidate.is_asked_for:
        return None
    skip = drop_reason_for_state(visit.state, visit.kind, rules.states_for(visit.type))
    return None if skip is None else Dropped(candidate, skip.reason)


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
    verdict = _verdict(item, contact, known)
    match verdict:
        case Go(reserve=reserve):
            known.settled.add(candidate.invitation)
            _reserve(item, contact.id, known, has_window=reserve)
            return Cleared(candidate, version, to, contact.id, route, barred)
        case Wait(holder=holder, yields=yields):
            return Waiting(candidate, holder, yields)
        case Skip(reason=reason, choice=choice, holder=holder):
            known.settled.add(candidate.invitation)
            return Dropped(candidate, reason, choice, holder)
    assert_never(verdict)


def _verdict(item: Addressed, contact: contacts.Contact, known: Known) -> Go | Wait | Skip:
    candidate, rules, address = item.candidate, item.version.rules, item.to.normal
    is_exempt = candidate.has_use or candidate.is_further or candidate.limits_waived
    yields = not is_exempt and candidate.earlier is None and known.cap is not None
    is_counted = contact.quarterly and not candidate.is_reminder
    uses = known.recent.get(contact.id, [])
    others = [use for use in uses if use.invitation != candidate.invitation]
    # One that has a reservation itself does not wait for another's, which may wait for it: both
    # were on their way when the person chose.
    lasting = [use for use in others if use.confirmed or len(others) == len(uses)]
    return judge_contact(
        candidate.invitation,
        Timed(candidate.ready, candidate.release, known.now, ZoneInfo(candidate.zone)),
        None if is_exempt else rules.mute,
        Contact(
            contact.suppressed is not None,
            known.mutes.get(Target(candidate, item.version, address).mute_key(contact.id)),
            address in known.internal,
            candidate.campaign in (contact.left_campaigns or ()),
            next(iter(lasting), None) if is_counted else None,
            uses,
            _ahead(item, known) if yields else (),
        ),
        None if is_exempt else known.cap,
    )


def _reserve(item: Addressed, contact: UUID, known: Known, *, has_window: bool) -> None:
    """Let those that are judged after `item` know that it goes."""
    candidate = item.candidate
    own = Mute(candidate.invitation, False, candidate.release)
    if has_window or (candidate.limits_waived and not candidate.is_reminder):
        for holder in filter(None, (contact, candidate.customer_id)):
            known.mutes[holder, candidate.campaign] = own
    uses = known.recent.get(contact)
    # A further mail's invitation was counted when its first one went.
    if (
        uses is not None
        and not candidate.is_further
        and all(use.invitation != own.invitation for use in uses)
    ):
        known.recent[contact] = [own, *uses]


def _ahead(item: Addressed, known: Known) -> list[UUID]:
    """Return the waiting invitations that `item` may have to yield to, in the order of release.

    Those of a higher priority, released on the same local day, that would go to its address, or
    wait for what becomes of another one: they are judged as they would be at their release, each
    as if those before it were accepted. The day is that on which `item` would have been released
    if it had waited for nobody, so that no later one comes before it.
    """
    own, address = item.candidate, item.to.normal
    if not known.rivals.get(address):
        return []
    planned = known.places.calendar(own.zone, own.region).first_open(own.ready)
    start, end = civil_day(planned, ZoneInfo(own.zone))
    trial = structs.replace(
        known, cap=None, mutes=dict(known.mutes), recent=dict(known.recent), settled=set()
    )
    ahead = []
    for rival in known.rivals[address]:
        candidate, at = by_calendar(rival.candidate, max(known.now, rival.until), known.places)
        if (
            rival.version.rules.priority <= item.version.rules.priority
            or not start <= candidate.release < end
            or candidate.earlier is not None
            or candidate.due_before_restore
            or candidate.invitation in known.settled
        ):
            continue
        outcome: AtRelease | Addressed
        outcome = find_address(candidate, rival.version, known.empty, known.places, at)
        if not isinstance(outcome, Addressed) or outcome.to.normal != address:
            continue
        outcome = judge_addressed(outcome, structs.replace(trial, now=at))
        if isinstance(outcome, Cleared | Waiting):
            ahead.append(candidate.invitation)
        if isinstance(outcome, Cleared):
            confirm(outcome, at, trial)
    return ahead
