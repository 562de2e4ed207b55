"""What became of the demo's invitations at their release, in the order in which they went."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from mail.states import Status
from rules.address import Resolved, resolve
from rules.campaign import AddressField
from rules.decide import Contact, Go, Mute, Reason, Skip, to_contact
from rules.timing import window_anchor
from server.demo.aftermath import Asked


class Suppression(Struct, frozen=True):
    """Why an address gets no more mail, since when, and which invitation's mail led to it."""

    why: str
    since: datetime
    invitation: UUID


class Releases:
    """Settles invitations one by one; remembers windows and suppressions by address."""

    def __init__(self, chance: Random, leavers: Mapping[UUID, str]) -> None:
        """`leavers`: customers whose first mail is the last, and why: `unsubscribed`, `bounced`."""
        self._chance = chance
        self._leavers = leavers
        self.mutes: dict[tuple[UUID, str], Mute] = {}
        self.suppressed: dict[str, Suppression] = {}
        self.addresses: set[str] = set()

    def settle(self, asked: Iterable[Asked]) -> list[Asked]:
        """All of `asked`, sent or dropped; ties go by id."""
        return [self._settle(one) for one in sorted(asked, key=lambda one: (one.release, one.id))]

    def _settle(self, asked: Asked) -> Asked:
        if asked.status is Status.DROPPED:
            return asked
        resolved = self._resolve(asked)
        if resolved is None:
            return replace(asked, status=Status.DROPPED, reason=Reason.NO_ADDRESS)
        self.addresses.add(resolved.normal)
        sent = asked.release + timedelta(seconds=self._chance.uniform(0.6, 3))
        verdict = to_contact(
            asked.id, asked.release, sent, asked.campaign.mute, self._contact(asked, resolved)
        )
        if isinstance(verdict, Skip):
            return replace(asked, status=Status.DROPPED, reason=verdict.reason, resolved=resolved)
        reserve = isinstance(verdict, Go) and verdict.reserve
        return self._send(asked, resolved, sent, reserve=reserve)

    def _resolve(self, asked: Asked) -> Resolved | None:
        client, campaign = asked.job.client, asked.campaign
        bounced = {
            address
            for address, found in self.suppressed.items()
            if found.why == "bounced" and found.since < asked.release
        }
        mailboxes = {
            AddressField.CUSTOMER: client.email or client.captured,
            AddressField.LOCATION: client.location_email,
        }
        return resolve(mailboxes, campaign.primary, campaign.secondary, bounced)

    def _contact(self, asked: Asked, resolved: Resolved) -> Contact:
        found = self.suppressed.get(resolved.normal)
        suppressed = found is not None and found.since < asked.release
        return Contact(suppressed, self.mutes.get((asked.campaign.id, resolved.normal)))

    def _send(self, asked: Asked, resolved: Resolved, sent: datetime, *, reserve: bool) -> Asked:
        why = self._leavers.get(asked.job.client.id)
        if why == "bounced":
            self.suppressed.setdefault(resolved.normal, Suppression(why, sent, asked.id))
            return replace(asked, status=Status.FAILED, resolved=resolved)
        if why is not None:
            later = sent + timedelta(minutes=self._chance.uniform(5, 55))
            self.suppressed.setdefault(resolved.normal, Suppression(why, later, asked.id))
        if reserve:
            anchor = window_anchor(asked.release, sent)
            held = Mute(asked.id, confirmed=True, counted_from=anchor)
            self.mutes[asked.campaign.id, resolved.normal] = held
        return replace(asked, status=Status.SENT, resolved=resolved, sent=sent)
