"""The stages of a mail on its way out: due, judged, leased."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from mail.campaigns.cache import VersionKey
from mail.campaigns.definition import Content
from mail.delivery.breakers import Route
from rules.address import Mailboxes, Resolved
from rules.campaign import Campaign
from rules.facts import Kind


class Visit(Struct, frozen=True):
    """The visit that is asked about. `type_names`: JSON text, by language.

    `type`: at the step that asks. `state`, `kind`, `last`: where the task is now, and by which
    transition.
    """

    type: UUID
    type_name: str
    type_names: str
    state: str
    kind: Kind
    last: UUID
    place: str | None
    zone: str | None


class Sending(Struct, frozen=True):
    """What the first attempt settles: it is kept for every later one.

    `secret`: 32 bytes, of the link to the survey; that of the link to leave is its SHA-256.
    """

    address: str
    typed: str
    language: str
    message_id: str
    secret: bytes


class Candidate(Struct, frozen=True):
    """A due invitation.

    `resent`: a copy may have gone before, this is the last. `first_tried_at`: when it was first
    offered to the server. `doubtful`: it was due before the database came back from a backup, so
    it may have been sent. `customer`: a name. `noted_by_technician`: the customer's address is
    from the one who is rated, with the visit's end or after it. `visit`: None where it is about
    none. `earlier`: set from the 2nd attempt.
    """

    invitation: UUID
    release: datetime
    attempt: int
    resent: bool
    first_tried_at: datetime | None
    doubtful: bool
    campaign: UUID
    version: int
    due: datetime
    customer: str | None
    mailboxes: Mailboxes
    language: str | None
    noted_by_technician: bool
    visit: Visit | None
    earlier: Sending | None


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
    """`candidate` may be sent to `to`, whose row is `contact`, as `version` says.

    `probed`: the open breaker that lets this one through.
    """

    candidate: Candidate
    version: Version
    to: Resolved
    contact: UUID
    route: Route
    probed: Route | None


class Leased(Struct, frozen=True):
    """A leased invitation. `attempt` fences: a write with another one changes nothing.

    `contact`: whom it is for. `probe`: it is the one that an open breaker lets through.
    `claimed_at`, `first_tried_at`: UTC. `zone`: IANA. `fallback`: the account's language.
    `after_crash`: what the account wants done when in doubt.
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
