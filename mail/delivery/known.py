"""What due invitations are judged by, read for all of a chunk at once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct, structs

from mail import contacts
from mail.campaigns.cache import CampaignSet, pinned
from mail.campaigns.calendar import Places
from mail.delivery.breakers import OpenBreakers
from mail.delivery.stages import Candidate, Cleared, Version, Versions
from mail.delivery.uses import (
    MuteKey,
    Recent,
    last_uses,
    recent_uses_of,
)
from rules.address import normal_form, sendable
from rules.at_release import QUARTER, Cap, Mute
from rules.timing import later, window_anchor
from sync.database import Tx

#: An invitation with the version of its campaign, None for one that was never activated.
Pair: TypeAlias = tuple[Candidate, Version | None]

#: By how much a period of civil days may be longer than by elapsed time.
_DAY: Final = timedelta(days=1)

_OF_USERS: Final = "SELECT email FROM app_user WHERE account = $1 AND email = ANY($2) AND active"


class Rival(Struct, frozen=True):
    """An invitation that waits, and that others may have to wait for. `until`: UTC.

    It is not tried before that time.
    """

    candidate: Candidate
    version: Version
    until: datetime


class Known(Struct, frozen=True):
    """What addressed invitations are judged by. `contacts`: by address, the worker's are locked.

    `places`: the calendars of locations. `empty`: addresses that count as absent. `mutes`: the mute
    windows of contacts and customers, to which those are added that are reserved meanwhile.
    `internal`: addresses of the account itself. `recent`: where they are asked once a quarter or
    there is a `cap`, the last uses of contacts, with those that are reserved meanwhile. `rivals`:
    by the addresses to which they may go, in the order of release. `settled`: invitations on which
    it was decided meanwhile.
    """

    now: datetime
    places: Places
    contacts: Mapping[str, contacts.Contact]
    empty: frozenset[str]
    mutes: dict[MuteKey, Mute]
    open_breakers: OpenBreakers
    internal: frozenset[str]
    recent: Recent
    cap: Cap | None
    rivals: Mapping[str, Sequence[Rival]]
    settled: set[UUID]


class Target(Struct, frozen=True):
    """An invitation and an address that it may go to."""

    candidate: Candidate
    version: Version
    address: str

    def mute_key(self, contact: UUID) -> MuteKey:
        """Whom the mute window leaves alone: `contact`, or its customer if the campaign says so."""
        customer = self.candidate.customer_id if self.version.rules.mute_per_customer else None
        return customer or contact, self.candidate.campaign


async def versions_of(
    tx: Tx,
    mail_from: str,
    campaigns: CampaignSet,
    candidates: Sequence[Candidate],
    *,
    lenient: bool = False,
) -> Versions:
    """Return the pinned versions of candidates' campaigns, of those that are not drafts.

    `mail_from`: the sender of campaigns that name none.

    `lenient`: one whose sender is no address is left out.

    :raises ValueError: the sender of one is no address.
    """
    known = campaigns.campaigns
    keys = {(item.campaign, item.version) for item in candidates if item.campaign in known}
    versions = {}
    for (campaign, number), version in (await pinned(tx, keys)).items():
        rules = newest = known[campaign]
        if newest.version != number:  # mute window and priority are the current ones
            rules = structs.replace(
                version.as_campaign(number, newest, campaigns),
                mute=newest.mute,
                mute_per_customer=newest.mute_per_customer,
                priority=newest.priority,
            )
        try:
            sender = sendable(version.content.message.sender_address or mail_from)
        except ValueError:
            if lenient:
                continue
            raise
        domain = sender.rpartition("@")[2].lower()
        versions[campaign, number] = Version(
            rules, version.content, sender, domain, campaigns.sender
        )
    return versions


async def read_known(
    tx: Tx,
    campaigns: CampaignSet,
    rows: Mapping[str, contacts.Contact],
    targets: Collection[Target],
    open_breakers: OpenBreakers,
    rivals: Iterable[Rival],
) -> Known:
    """Return what `targets` and the `rivals` that go where they go are judged by, as it is now.

    `rows`: contacts by address; those of targets are there.
    """
    asked = {target.address for target in targets}
    by_address: dict[str, list[Rival]] = {}
    contenders = list(targets)
    for rival in rivals:
        for address in possible_addresses([(rival.candidate, rival.version)]) & asked:
            by_address.setdefault(address, []).append(rival)
            contenders.append(Target(rival.candidate, rival.version, address))
    counted = _since(rows, contenders, campaigns.cap)
    domains = {name for target in targets for name in target.version.identity.domains}
    return Known(
        now=tx.now,
        places=campaigns.places,
        contacts=rows,
        empty=empty_among(rows),
        mutes=await _read_mutes(tx, rows, contenders),
        open_breakers=open_breakers,
        internal=await internal_among(tx, domains, asked),
        recent=await recent_uses_of(tx, counted) if counted else {},
        cap=campaigns.cap,
        rivals=by_address,
        settled=set(),
    )


async def internal_among(
    tx: Tx, domains: Collection[str], addresses: Collection[str]
) -> frozenset[str]:
    """Return those of `addresses` that are the account's own: of its `domains`, or of its users."""
    users = await tx.fetch(_OF_USERS, tx.account, list(addresses)) if addresses else []
    found = {address for address in addresses if address.rpartition("@")[2] in domains}
    return frozenset(found.union(row["email"] for row in users))


def by_calendar(candidate: Candidate, at: datetime, places: Places) -> tuple[Candidate, datetime]:
    """Return when a candidate that is tried `at` goes, and itself with its release then."""
    opens = places.calendar(candidate.zone, candidate.region).first_open(at)
    if candidate.is_offered or opens == at:
        return candidate, at
    return structs.replace(candidate, release=opens), opens


def confirm(sent: Cleared, at: datetime, known: Known) -> None:
    """Let what a cleared invitation has reserved count as if it were accepted `at` that time."""
    candidate = sent.candidate
    counted = window_anchor(candidate.ready, candidate.release, at)
    for holder in filter(None, (sent.contact, candidate.customer_id)):
        taken = known.mutes.get((holder, candidate.campaign))
        is_own = taken is not None and taken.invitation == candidate.invitation
        if taken is not None and is_own and not taken.confirmed:
            taken = structs.replace(taken, confirmed=True, counted_from=counted)
            known.mutes[holder, candidate.campaign] = taken
    if sent.contact in known.recent:
        known.recent[sent.contact] = [
            structs.replace(use, confirmed=True, counted_from=counted)
            if use.invitation == candidate.invitation and not use.confirmed
            else use
            for use in known.recent[sent.contact]
        ]


def possible_addresses(pairs: Iterable[Pair]) -> set[str]:
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


def empty_among(rows: Mapping[str, contacts.Contact]) -> frozenset[str]:
    """Return the addresses that count as absent: they bounced, or their mailbox stays full."""
    return frozenset(
        address for address, contact in rows.items() if contact.suppressed in contacts.EMPTY
    )


async def _read_mutes(
    tx: Tx, rows: Mapping[str, contacts.Contact], contenders: Iterable[Target]
) -> dict[MuteKey, Mute]:
    wanted: dict[bool, set[MuteKey]] = {False: set(), True: set()}
    for target in contenders:
        if target.version.rules.mute is not None:
            contact = rows[target.address].id
            key = target.mute_key(contact)
            wanted[key[0] != contact].add(key)
    found: dict[MuteKey, Mute] = {}
    for of_customers, keys in wanted.items():
        if keys:
            found |= await last_uses(tx, keys, of_customers=of_customers)
    return found


def _since(
    rows: Mapping[str, contacts.Contact], contenders: Iterable[Target], cap: Cap | None
) -> dict[UUID, datetime]:
    """Return from when on uses of contacts count, of those whose uses do."""
    since: dict[UUID, datetime] = {}
    for target in contenders:
        contact = rows[target.address]
        if cap is None and not contact.quarterly:
            continue
        longest = QUARTER if contact.quarterly else _DAY
        if cap is not None:
            longest = max(longest, timedelta(days=cap.days))
        first = later(target.candidate.ready, -longest - _DAY)
        since[contact.id] = min(first, since.get(contact.id, first))
    return since
