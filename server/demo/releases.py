"""Releases the demo's invitations in order: each is sent, fails, or is dropped."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.cap import SurveyCap
from mail.states import Status
from rules.address import Resolved, resolve
from rules.at_release import Contact, Go, Mute, Timed, judge_contact
from rules.campaign import AddressField
from rules.decide import Reason, Skip
from rules.timing import window_anchor
from server.demo.aftermath import Invitation
from server.demo.fixture import DEMO, OWN_DOMAIN

_ZONE: Final = ZoneInfo(DEMO.account.zone)

#: The demonstration's cap on the surveys of an address.
CAP: Final = SurveyCap(3, 45)
#: The place among those that waited of the survey that a dispatcher cancelled, or the last one.
CANCELLED: Final = 20


class Suppression(Struct, frozen=True):
    """Why an address gets no more mail, since when, and which invitation's mail led to it."""

    why: str
    since: datetime
    invitation: UUID


class Releases:
    """Releases invitations one by one; records mute windows, uses and suppressions by address."""

    def __init__(self, rng: Random, suppressed: Mapping[UUID, str]) -> None:
        """`suppressed`: customers whose first mail is the last: `unsubscribed` or `bounced`."""
        self._rng = rng
        self._customers = suppressed
        self.mutes: dict[tuple[UUID, str], Mute] = {}
        self.uses: dict[str, list[Mute]] = {}
        self.suppressed: dict[str, Suppression] = {}
        self.addresses: set[str] = set()

    def release_all(self, invitations: Iterable[Invitation]) -> list[Invitation]:
        """The `invitations` with their results, in the order of release and id."""
        in_order = sorted(invitations, key=lambda item: (item.release, item.id))
        waited = [item for item in in_order if item.status is Status.SCHEDULED]
        cancelled = waited[: CANCELLED + 1][-1] if waited else None
        return [
            replace(item, status=Status.DROPPED, reason=Reason.CANCELLED)
            if item is cancelled
            else self._release(item)
            for item in in_order
        ]

    def _release(self, invitation: Invitation) -> Invitation:
        if invitation.status is Status.DROPPED:
            return invitation
        resolved = self._resolve(invitation)
        if resolved is None:
            return replace(invitation, status=Status.DROPPED, reason=Reason.NO_ADDRESS)
        self.addresses.add(resolved.normal)
        suppression = self.suppressed.get(resolved.normal)
        contact = Contact(
            suppression is not None and suppression.since < invitation.release,
            self.mutes.get((invitation.campaign.id, resolved.normal)),
            internal=resolved.normal.endswith(f"@{OWN_DOMAIN}"),
            uses=self.uses.get(resolved.normal, ()),
        )
        sent = invitation.release + timedelta(seconds=self._rng.uniform(0.6, 3))
        timed = Timed(invitation.release, invitation.release, sent, _ZONE)
        mute = invitation.campaign.mute
        verdict = judge_contact(invitation.id, timed, mute, contact, CAP.rule)
        invitation = replace(invitation, resolved=resolved)
        if isinstance(verdict, Skip):
            holder = verdict.holder
            dropped = replace(invitation, status=Status.DROPPED, kept_back_by=holder)
            return replace(dropped, reason=verdict.reason)
        reserve = isinstance(verdict, Go) and verdict.reserve
        return self._send(invitation, resolved, sent, reserve=reserve)

    def _resolve(self, invitation: Invitation) -> Resolved | None:
        """The address for `invitation`; addresses that bounced before are not used."""
        customer, campaign = invitation.task.customer, invitation.campaign
        bounced = {
            address
            for address, suppression in self.suppressed.items()
            if suppression.why == "bounced" and suppression.since < invitation.release
        }
        mailboxes = {
            AddressField.CUSTOMER: customer.email or customer.captured,
            AddressField.LOCATION: customer.location_email,
        }
        return resolve(mailboxes, campaign.primary, campaign.secondary, bounced)

    def _send(
        self, invitation: Invitation, resolved: Resolved, sent: datetime, *, reserve: bool
    ) -> Invitation:
        why = self._customers.get(invitation.task.customer.id)
        if why == "bounced":
            self.suppressed.setdefault(resolved.normal, Suppression(why, sent, invitation.id))
            return replace(invitation, status=Status.FAILED)
        if why is not None:
            later = sent + timedelta(minutes=self._rng.uniform(5, 55))
            self.suppressed.setdefault(resolved.normal, Suppression(why, later, invitation.id))
        anchor = window_anchor(invitation.release, invitation.release, sent)
        mute = Mute(invitation.id, confirmed=True, counted_from=anchor)
        self.uses.setdefault(resolved.normal, []).append(mute)
        if reserve:
            self.mutes[invitation.campaign.id, resolved.normal] = mute
        return replace(invitation, status=Status.SENT, sent=sent)
