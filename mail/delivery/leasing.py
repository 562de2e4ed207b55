"""Leasing: what was cleared is given to this worker for a while, under one attempt number."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from mail.config import MailConfig
from mail.definition import Definition
from mail.delivery.candidates import Candidate, Sending, Tokens
from mail.delivery.releasing import Cleared
from mail.letter.headers import message_id
from mail.letter.wording import locale_of
from mail.live import VersionKey
from rules.campaign import AddressField
from sync import tokens
from sync.database import Tx

_ACCOUNT: Final = "SELECT language, zone, after_crash FROM account WHERE account = $1"

_ADDRESS: Final = """
UPDATE invitation i
SET status = 'claimed', address = one.address, typed_address = one.typed,
  address_field = one.field, address_by_technician = one.captured,
  language = one.language, message_id = one.message_id
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::text[])
  AS one (id, address, typed, field, captured, language, message_id)
WHERE i.account = $1 AND i.id = one.id
"""

_LINK: Final = """
INSERT INTO link (account, token_hash, purpose, invitation)
SELECT $1, one.hash, one.purpose, one.invitation
FROM unnest($2::bytea[], $3::text[], $4::uuid[]) AS one (hash, purpose, invitation)
"""

_LEASE: Final = """
UPDATE outbox o
SET phase = 'claimed', attempt = o.attempt + 1, lease_until = $2, error = NULL,
  first_tried_at = coalesce(o.first_tried_at, $3),
  survey_token = one.survey, unsubscribe_token = one.unsubscribe
FROM unnest($4::uuid[], $5::bytea[], $6::bytea[]) AS one (invitation, survey, unsubscribe)
WHERE o.account = $1 AND o.invitation = one.invitation
"""


class Job(Struct, frozen=True):
    """A leased invitation. `attempt` fences: a write with another one changes nothing.

    `answers_for`: how long answers are taken. `first_tried_at`: UTC. `zone`: IANA. `fallback`:
    the account's language. `after_crash`: what the account wants done when in doubt.
    """

    account: int
    candidate: Candidate
    sending: Sending
    attempt: int
    definition: Definition
    answers_for: timedelta
    first_tried_at: datetime
    zone: str
    fallback: str
    after_crash: str

    @property
    def invitation(self) -> UUID:
        """Whose mail it is."""
        return self.candidate.invitation


Pinned: TypeAlias = Mapping[VersionKey, Definition]


async def lease(
    tx: Tx, config: MailConfig, cleared: Sequence[Cleared], definitions: Pinned
) -> list[Job]:
    """Take `cleared` invitations, whose rows are locked, for as long as a lease lasts."""
    if not cleared:
        return []
    account = await tx.fetchrow(_ACCOUNT, tx.account)
    assert account is not None  # noqa: S101 - its rows are in our hands
    jobs = []
    for one in cleared:
        candidate = one.candidate
        definition = definitions[candidate.campaign, candidate.version]
        jobs.append(
            Job(
                account=tx.account,
                candidate=candidate,
                sending=candidate.earlier or _first_sending(config, one, account["language"]),
                attempt=candidate.attempt + 1,
                definition=definition,
                answers_for=definition.deadline,
                first_tried_at=candidate.first_tried_at or tx.now,
                zone=candidate.visit.zone or account["zone"],
                fallback=account["language"],
                after_crash=account["after_crash"],
            )
        )
    await _write_first(tx, [(job, one) for job, one in zip(jobs, cleared, strict=True)])
    secrets = [(job.invitation, *_secrets(job)) for job in jobs]
    until = tx.now + timedelta(seconds=config.lease)
    await tx.execute(_LEASE, tx.account, until, tx.now, *zip(*secrets, strict=True))
    return jobs


def _secrets(job: Job) -> tuple[bytes, bytes]:
    return job.sending.tokens.survey, job.sending.tokens.unsubscribe


def _first_sending(config: MailConfig, one: Cleared, fallback: str) -> Sending:
    return Sending(
        address=one.to.normal,
        typed=one.to.typed,
        language=locale_of(one.candidate.language, fallback),
        message_id=message_id(str(one.candidate.invitation), config.mail_from),
        tokens=Tokens(tokens.mint(), tokens.mint()),
    )


async def _write_first(tx: Tx, leased: Sequence[tuple[Job, Cleared]]) -> None:
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


def _address_row(job: Job, cleared: Cleared) -> tuple[object, ...]:
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
