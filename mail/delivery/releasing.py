"""The decision at release: who is asked now, who not and why, who has to wait."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.contacts import MuteKey, Suppression
from mail.delivery.breakers import Bars, Route
from mail.delivery.candidates import Candidate
from mail.live import VersionKey
from rules.address import Resolved, normal_form, resolve
from rules.campaign import AddressField, Campaign
from rules.decide import Contact, Go, Mute, Reason, Skip, Wait, task_stands, to_contact
from sync.database import Tx


class Cleared(Struct, frozen=True):
    """`candidate` may be sent to `to`. `probe`: it is the one that an open breaker lets through."""

    candidate: Candidate
    to: Resolved
    route: Route
    probe: bool


class Dropped(Struct, frozen=True):
    """`candidate` is not sent."""

    candidate: Candidate
    reason: Reason


class Waiting(Struct, frozen=True):
    """`candidate` is judged again later: once it is known what became of `holder`, if any."""

    candidate: Candidate
    holder: UUID | None


class Stopped(Struct, frozen=True):
    """`candidate` waits behind the breaker of `route`."""

    candidate: Candidate
    route: Route


Outcome: TypeAlias = Cleared | Dropped | Waiting | Stopped
#: The domain that each version of a campaign sends from.
Senders: TypeAlias = Mapping[VersionKey, str]


class Released(Struct, frozen=True):
    """What became of a chunk, in the order of release, and the mute windows to reserve."""

    outcomes: list[Outcome]
    reserved: dict[MuteKey, Mute]


class _Found(Struct, frozen=True):
    candidate: Candidate
    campaign: Campaign
    to: Resolved | None


async def judge(
    tx: Tx,
    candidates: Sequence[Candidate],
    campaigns: Mapping[UUID, Campaign],
    senders: Senders,
    bars: Bars,
) -> Released:
    """Judge locked `candidates`, and leave the rows of their contacts locked.

    `campaigns`: by invitation, at the version it is pinned to.
    """
    found = await _resolved(tx, candidates, campaigns)
    addresses = {one.to.normal for one in found if one.to is not None}
    suppressed = await contacts.lock_contacts(tx, addresses)
    mutes = await contacts.mutes_of(tx, addresses)
    turn = _Turn(tx.now, suppressed, mutes, senders, bars)
    return Released([turn.outcome(one) for one in found], turn.reserved)


async def _resolved(
    tx: Tx, candidates: Iterable[Candidate], campaigns: Mapping[UUID, Campaign]
) -> list[_Found]:
    possible = {
        normal
        for one in candidates
        for typed in (one.mailboxes.get(field) for field in _fields(campaigns[one.invitation]))
        if (normal := normal_form(typed)) is not None
    }
    empty = await contacts.empty_among(tx, possible)
    found = []
    for one in candidates:
        campaign = campaigns[one.invitation]
        found.append(_Found(one, campaign, _address(one, campaign, empty)))
    return found


def _fields(campaign: Campaign) -> Iterable[AddressField]:
    return filter(None, (campaign.primary, campaign.secondary))


def _address(one: Candidate, campaign: Campaign, empty: set[str]) -> Resolved | None:
    """Resolved once, at the first attempt; later ones go to the same address."""
    if one.earlier is not None:
        return Resolved(one.earlier.typed, one.earlier.address, campaign.primary)
    return resolve(one.mailboxes, campaign.primary, campaign.secondary, empty)


class _Turn:
    """Judges a chunk in order; each reservation counts for those that come after it."""

    def __init__(
        self,
        now: datetime,
        suppressed: Mapping[str, Suppression | None],
        mutes: Mapping[MuteKey, Mute],
        senders: Senders,
        bars: Bars,
    ) -> None:
        self._now = now
        self._suppressed = suppressed
        self._mutes = mutes
        self._senders = senders
        self._bars = bars
        self.reserved: dict[MuteKey, Mute] = {}

    def outcome(self, found: _Found) -> Outcome:
        one, campaign = found.candidate, found.campaign
        if one.earlier is None:
            left = task_stands(one.state, one.kind, campaign.states_for(one.type))
            if left is not None:
                return Dropped(one, left.reason)
        if found.to is None:
            return Dropped(one, Reason.NO_ADDRESS)
        if self._suppressed[found.to.normal] in contacts.EMPTY:
            return self._just_emptied(one)
        return self._to_contact(one, campaign, found.to)

    @staticmethod
    def _just_emptied(one: Candidate) -> Outcome:
        """Between the look and the lock: a fresh one resolves again, a retry ends."""
        return Waiting(one, None) if one.earlier is None else Dropped(one, Reason.SUPPRESSED)

    def _to_contact(self, one: Candidate, campaign: Campaign, to: Resolved) -> Outcome:
        sender = self._senders[one.campaign, one.version]
        route = Route(sender, to.normal.rpartition("@")[2])
        if self._bars.stop(route, one.invitation):
            return Stopped(one, route)
        key = (to.normal, campaign.id)
        mute = self.reserved.get(key) or self._mutes.get(key)
        opted_out = self._suppressed[to.normal] is not None
        # A retry is exempt from mute: it asked when it was released.
        window = campaign.mute if one.earlier is None else None
        verdict = to_contact(
            one.invitation, one.release, self._now, window, Contact(opted_out, mute)
        )
        match verdict:
            case Go(reserve=taken):
                if taken:
                    self.reserved[key] = Mute(one.invitation, False, one.release)
                return Cleared(one, to, route, probe=self._bars.let_through(route))
            case Wait():
                return Waiting(one, None if mute is None else mute.invitation)
            case Skip(reason=reason):
                return Dropped(one, reason)
        assert_never(verdict)
