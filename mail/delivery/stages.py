"""The stages of a mail before it is sent: due, cleared, leased."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from mail.campaigns.cache import VersionKey
from mail.campaigns.definition import Content
from mail.campaigns.sender import SenderIdentity
from mail.delivery.breakers import Route
from mail.states import Purpose
from rules.address import Mailboxes, Resolved
from rules.campaign import Campaign
from rules.decide import Late
from rules.history import StateKind


class Visit(Struct, frozen=True):
    """The visit that a survey is about.

    `type`, `moment` (UTC): of its transition; of one that is not stored yet when it is due.
    `type_names`: a JSON document, by language. `state`, `kind`, `last`: the task's current state
    and the transition that led to it.
    """

    type: UUID
    moment: datetime
    type_name: str
    type_names: str
    state: str
    kind: StateKind
    last: UUID
    place: str | None


class Sending(Struct, frozen=True):
    """What is fixed at the first attempt and the same for every later one.

    `typed`: the address as it was entered. `secret`: 32 bytes, of the survey's link; that of the
    unsubscribe link is its SHA-256.
    """

    address: str
    typed: str
    language: str
    message_id: str
    secret: bytes


class Unplanned(Struct, frozen=True):
    """A survey that planning will make: `invitation` is any id.

    `due`, `ready`, `release`: as of its Schedule. `type`: as of its transition. `state`: the one
    that its task will be in, None where it stays in its own. `captured`: the address that its
    customer will get, if there is none yet.
    """

    invitation: UUID
    campaign: UUID
    version: int
    task: UUID
    transition: UUID
    type: UUID
    due: datetime
    ready: datetime
    release: datetime
    state: str | None = None
    captured: str | None = None


class Candidate(Struct, frozen=True):
    """A due invitation.

    `ready`: when it would have been released without a calendar, UTC. `zone`: IANA, the location's,
    else the account's. `region`: the location's own. `purpose`: which mail of the survey it is.
    `resent`: an earlier copy may have been delivered, this is the last. `first_tried_at`: when it
    was first offered to the server, UTC. `due_before_restore`: the database was restored since it
    was due, so it may have been sent. `vouched_at`: when an operator let it go, UTC. `manual`:
    somebody sent it by hand, whatever the state of the task; `limits_waived`: whatever mute window
    and cap, also as the office has one sent again that failed. `has_use`: it counts at its address,
    for an attempt before. `customer`: a name. `customer_id`, `location_id`: of the task, None where
    it has none. `noted_by_technician`: the technician who is rated entered the address, at the
    end of the visit or later. `visit`: None for a relational survey. `earlier`: what the first
    attempt fixed, if there was one; of a further mail also before it. `untried`: nobody has got a
    link of it. `deadline`: until when it may be answered, UTC; None where no copy may have been
    delivered. `answered`: of a reminder, that it comes too late for that. `sent_at`,
    `first_message_id`, `first_address`: of the first mail that was accepted. `asked_customer`: of
    its transition.
    """

    invitation: UUID
    ready: datetime
    release: datetime
    zone: str
    region: str | None
    attempt: int
    purpose: Purpose
    resent: bool
    first_tried_at: datetime | None
    due_before_restore: bool
    vouched_at: datetime | None
    campaign: UUID
    version: int
    manual: bool
    limits_waived: bool
    has_use: bool
    due: datetime
    customer: str | None
    customer_id: UUID | None
    location_id: UUID | None
    mailboxes: Mailboxes
    language: str | None
    noted_by_technician: bool
    visit: Visit | None
    earlier: Sending | None
    untried: bool
    deadline: datetime | None
    answered: bool
    sent_at: datetime | None
    first_message_id: str | None
    first_address: str | None
    asked_customer: UUID | None

    @property
    def is_reminder(self) -> bool:
        """Whether it reminds of a survey that was sent."""
        return self.purpose is Purpose.REMINDER

    def too_late(self, now: datetime) -> Late | None:
        """Return why it is not worth sending any more at `now`, or None if it is."""
        if self.answered:
            return Late.ANSWERED
        is_over = self.deadline is not None and self.deadline <= now
        return Late.DEADLINE if is_over else None

    @property
    def is_further(self) -> bool:
        """Whether a mail of its survey was accepted before, or may have been."""
        return self.resent or self.purpose is not Purpose.FIRST

    @property
    def is_offered(self) -> bool:
        """Whether a server was offered it, so that its next attempt is a retry."""
        return self.first_tried_at is not None

    @property
    def is_asked_for(self) -> bool:
        """Whether somebody wants it sent whatever the state of the task; also a copy in doubt."""
        is_vouched = self.earlier is not None and self.vouched_at is not None
        return self.manual or self.is_further or is_vouched


class Version(Struct, frozen=True):
    """The pinned version of an invitation's campaign, with its current status, mute and priority.

    `sender`: address of its mails, the domain in punycode; `domain`: of it, in lower case.
    `identity`: what its mails say of the account.
    """

    rules: Campaign
    content: Content
    sender: str
    domain: str
    identity: SenderIdentity


#: Of campaigns that were activated; invitations of others are not sent.
Versions: TypeAlias = Mapping[VersionKey, Version]


class Cleared(Struct, frozen=True):
    """An invitation that may be sent to the address `to`, whose row is `contact`.

    `probed`: the open breaker that lets it through as its probe.
    """

    candidate: Candidate
    version: Version
    to: Resolved
    contact: UUID
    route: Route
    probed: Route | None


class Leased(Struct, frozen=True):
    """A leased invitation. Writes of another `attempt` than the row's change nothing.

    `probe`: an open breaker lets it through as its probe. `claimed_at`, `first_tried_at`: UTC.
    `zone`: IANA. `fallback`: the account's language. `after_crash`: the account's setting for
    mails in doubt, `resend` or `hold`; a further mail, of which there is no other copy, is never
    held.
    """

    account: int
    invitation: UUID
    candidate: Candidate
    version: Version
    contact: UUID
    sending: Sending
    route: Route
    probe: bool
    attempt: int
    claimed_at: datetime
    first_tried_at: datetime
    zone: str
    fallback: str
    after_crash: str
