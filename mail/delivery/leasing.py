"""Leasing: what was cleared is given to this worker for a while, under one attempt number."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct, structs

from mail.config import MailConfig
from mail.definition import Content
from mail.delivery.breakers import Route
from mail.delivery.candidates import Candidate, Sending, Tokens
from mail.delivery.releasing import Cleared
from mail.letter.headers import is_message_id, message_id, sendable
from mail.letter.wording import locale_of
from mail.live import VersionKey
from mail.states import LEASE
from rules.campaign import AddressField, Campaign
from rules.timing import counted_at
from sync import tokens
from sync.database import Tx

_ACCOUNT: Final = "SELECT language, zone, after_crash FROM account WHERE account = $1"

_ADDRESS: Final = LEASE.sql("""
UPDATE invitation i
SET status = {status}, address = one.address, typed_address = one.typed,
  address_field = one.field, address_by_technician = one.captured,
  language = one.language, message_id = one.message_id
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::text[])
  AS one (id, address, typed, field, captured, language, message_id)
WHERE i.account = $1 AND i.id = one.id
""")

#: A mail whose Message-ID could not be written has never left, so another one doubles nothing.
_HEAL: Final = """
UPDATE invitation i SET message_id = one.message_id
FROM unnest($2::uuid[], $3::text[]) AS one (id, message_id)
WHERE i.account = $1 AND i.id = one.id
"""

_LINK: Final = """
INSERT INTO link (account, token_hash, purpose, invitation)
SELECT $1, one.hash, one.purpose, one.invitation
FROM unnest($2::bytea[], $3::text[], $4::uuid[]) AS one (hash, purpose, invitation)
"""

_LEASE: Final = LEASE.sql("""
UPDATE outbox o
SET phase = {phase}, attempt = o.attempt + 1, lease_until = $2, error = NULL,
  sender_domain = NULL, recipient_domain = NULL,
  first_tried_at = coalesce(o.first_tried_at, $3),
  survey_token = one.survey, unsubscribe_token = one.unsubscribe
FROM unnest($4::uuid[], $5::bytea[], $6::bytea[]) AS one (invitation, survey, unsubscribe)
WHERE o.account = $1 AND o.invitation = one.invitation
""")


class Leased(Struct, frozen=True):
    """A leased invitation. `attempt` fences: a write with another one changes nothing.

    `probe`: it is the one that an open breaker lets through. `claimed_at`, `first_tried_at`: UTC.
    `visited_at`: when the step counts that it is about. `answers_for`: how long answers are taken.
    `zone`: IANA. `fallback`: the account's language.
    `after_crash`: what the account wants done when in doubt.
    """

    account: int
    candidate: Candidate
    sending: Sending
    route: Route
    probe: bool
    attempt: int
    content: Content
    answers_for: timedelta
    visited_at: datetime
    claimed_at: datetime
    first_tried_at: datetime
    zone: str
    fallback: str
    after_crash: str

    @property
    def invitation(self) -> UUID:
        """Whose mail it is."""
        return self.candidate.invitation


Contents: TypeAlias = Mapping[VersionKey, Content]


async def lease(
    tx: Tx,
    config: MailConfig,
    cleared: Sequence[Cleared],
    rules: Mapping[UUID, Campaign],
    contents: Contents,
) -> list[Leased]:
    """Take `cleared` invitations, whose rows are locked, for as long as a lease lasts.

    `rules`: of their campaigns, by invitation.
    """
    if not cleared:
        return []
    account = await tx.fetchrow(_ACCOUNT, tx.account)
    assert account is not None  # noqa: S101 - its rows are in our hands
    jobs = []
    for one in cleared:
        candidate = one.candidate
        content = contents[candidate.campaign, candidate.version]
        asked_by = rules[candidate.invitation]
        jobs.append(
            Leased(
                account=tx.account,
                candidate=candidate,
                sending=_sending(config, content, one, account["language"]),
                route=one.route,
                probe=one.probe,
                attempt=candidate.attempt + 1,
                content=content,
                answers_for=asked_by.deadline,
                visited_at=counted_at(candidate.due, asked_by.delay),
                claimed_at=tx.now,
                first_tried_at=candidate.first_tried_at or tx.now,
                zone=candidate.visit.zone or account["zone"],
                fallback=account["language"],
                after_crash=account["after_crash"],
            )
        )
    await _write_first(tx, [(job, one) for job, one in zip(jobs, cleared, strict=True)])
    await _write_healed(tx, jobs)
    secrets = [(job.invitation, *_secrets(job)) for job in jobs]
    await tx.execute(_LEASE, tx.account, lease_end(tx, config), tx.now, *zip(*secrets, strict=True))
    return jobs


def _secrets(job: Leased) -> tuple[bytes, bytes]:
    return job.sending.tokens.survey, job.sending.tokens.unsubscribe


def sender_of(config: MailConfig, content: Content) -> str:
    """The address that a campaign's mails are from, as typed."""
    return content.message.sender_address or config.mail_from


def sender_domain(config: MailConfig, content: Content) -> str:
    """The domain of that address, in lower case and in punycode.

    :raises ValueError: it is no address.
    """
    return sendable(sender_of(config, content)).rpartition("@")[2].lower()


def lease_end(tx: Tx, config: MailConfig) -> datetime:
    """When a lease that is taken now runs out."""
    return tx.now + timedelta(seconds=config.lease)


def _sending(config: MailConfig, content: Content, one: Cleared, fallback: str) -> Sending:
    earlier = one.candidate.earlier
    if earlier is not None and is_message_id(earlier.message_id):
        return earlier
    name = message_id(str(one.candidate.invitation), sender_of(config, content))
    if earlier is not None:
        return structs.replace(earlier, message_id=name)
    return Sending(
        address=one.to.normal,
        typed=one.to.typed,
        language=locale_of(one.candidate.language, fallback),
        message_id=name,
        tokens=Tokens(tokens.mint(), tokens.mint()),
    )


async def _write_first(tx: Tx, leased: Sequence[tuple[Leased, Cleared]]) -> None:
    """Settle the address and the links of those that are tried for the first time."""
    fresh = [(job, one) for job, one in leased if job.candidate.earlier is None]
    if not fresh:
        return
    rows = [_address_row(job, one) for job, one in fresh]
    await tx.execute(_ADDRESS, tx.account, *zip(*rows, strict=True))
    links = [
        (tokens.digest(secret), purpose, job.invitation)
        for job, _ in fresh
        for secret, purpose in zip(_secrets(job), ("survey", "unsubscribe"), strict=True)
    ]
    await tx.execute(_LINK, tx.account, *zip(*links, strict=True))


async def _write_healed(tx: Tx, jobs: Sequence[Leased]) -> None:
    """Keep the Message-ID of those whose stored one could not be written."""
    healed = [
        (job.invitation, job.sending.message_id)
        for job in jobs
        if job.candidate.earlier is not None and job.sending is not job.candidate.earlier
    ]
    if healed:
        await tx.execute(_HEAL, tx.account, *zip(*healed, strict=True))


def _address_row(job: Leased, cleared: Cleared) -> tuple[object, ...]:
    sending = job.sending
    return (
        job.invitation,
        sending.address,
        sending.typed,
        cleared.to.field.value,
        _by_technician(cleared),
        sending.language,
        sending.message_id,
    )


def _by_technician(cleared: Cleared) -> bool:
    """Whether the one who is rated noted the address, with the visit's end or after it."""
    one = cleared.candidate
    return (
        cleared.to.field is AddressField.CUSTOMER
        and one.captured_by == one.technician
        and one.captured_at is not None
        and one.captured_at >= one.visit.moment
    )
