"""Claiming: one transaction an account decides what is due and leases what may be sent.

The decisions of an account are taken one chunk after the other (an advisory lock of the
transaction), so that ties between invitations go by release, then id, whoever claims.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.config import MailConfig
from mail.definition import Definition, to_rules
from mail.delivery.candidates import Candidate, Sending, Tokens, due
from mail.delivery.events import Event, note
from mail.delivery.releasing import Cleared, Dropped, Waiting, judge
from mail.letter.wording import locale_of
from mail.live import CampaignSet, VersionKey, load, pinned
from rules.campaign import Campaign, Status
from rules.decide import REARMING
from sync import tokens
from sync.database import Tx, run

#: An invitation that met a reservation is judged again this soon, if nobody wakes it before.
_LOOK_AGAIN: Final = timedelta(seconds=5)
#: How often it is asked whether a paused campaign goes on.
_PAUSE_CHECK: Final = timedelta(seconds=30)
#: What a waiting row says; the outcome of the reservation looks for it.
RESERVED: Final = "reserved"

_TURN: Final = "SELECT pg_advisory_xact_lock($1)"

_ACCOUNT: Final = "SELECT language, zone, after_crash FROM account WHERE account = $1"

_DROP: Final = """
WITH dropped AS (
  UPDATE invitation i SET status = 'dropped', reason = one.reason,
    rearm_moment = one.moment, rearm_sequence = one.sequence, rearm_transition = one.last
  FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::uuid[])
    AS one (id, reason, moment, sequence, last)
  WHERE i.account = $1 AND i.id = one.id
  RETURNING i.id, i.campaign, i.transition, i.reason
), gone AS (
  DELETE FROM outbox o USING dropped WHERE o.account = $1 AND o.invitation = dropped.id
)
UPDATE decision d SET outcome = dropped.reason, decided_at = $7
FROM dropped
WHERE d.account = $1 AND d.campaign = dropped.campaign AND d.transition = dropped.transition
"""

_WAIT: Final = """
UPDATE outbox SET not_before = $3, error = $4 WHERE account = $1 AND invitation = ANY($2)
"""

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
SELECT $1, one.hash, $2, one.invitation
FROM unnest($3::bytea[], $4::uuid[]) AS one (hash, invitation)
"""

_LEASE: Final = """
UPDATE outbox o
SET phase = 'claimed', attempt = o.attempt + 1, lease_until = $2, error = NULL,
  first_tried_at = coalesce(o.first_tried_at, $3),
  survey_token = one.survey, unsubscribe_token = one.unsubscribe
FROM unnest($4::uuid[], $5::bytea[], $6::bytea[]) AS one (invitation, survey, unsubscribe)
WHERE o.account = $1 AND o.invitation = one.invitation
"""

_RESTATE: Final = """
UPDATE invitation SET status = 'claimed' WHERE account = $1 AND id = ANY($2)
"""


class Job(Struct, frozen=True):
    """A leased invitation. `attempt` fences: a mark with another one changes nothing.

    `resent`: its content may have gone before. `first_tried_at`: UTC. `zone`: IANA.
    `fallback`: the account's language.
    """

    account: int
    candidate: Candidate
    sending: Sending
    attempt: int
    definition: Definition
    campaign: Campaign
    first_tried_at: datetime
    zone: str
    fallback: str
    after_crash: str


class Chunk(Struct, frozen=True):
    """What a claim found: how many were due, and those to send."""

    found: int
    jobs: list[Job]


Pinned: TypeAlias = Mapping[VersionKey, Definition]


async def claim(config: MailConfig, account: int, limit: int) -> Chunk:
    """Decide at most `limit` due invitations of `account` and lease those that may go."""
    return await run(account, lambda tx: _claim(tx, config, limit))


async def _claim(tx: Tx, config: MailConfig, limit: int) -> Chunk:
    await tx.execute(_TURN, tx.account)
    found = await due(tx, limit)
    if not found:
        return Chunk(0, [])
    campaigns = await load(tx)
    definitions = await pinned(tx, {(one.campaign, one.version) for one in found})
    standing, live = _held_back(found, campaigns)
    await _wait(tx, standing, tx.now + _PAUSE_CHECK, "paused")
    rules = {one.invitation: _rules(one, campaigns, definitions) for one in live}
    released = await judge(tx, live, rules)
    await contacts.reserve(tx, released.reserved)
    await _drop(tx, [one for one in released.outcomes if isinstance(one, Dropped)])
    waiting = [one.candidate for one in released.outcomes if isinstance(one, Waiting)]
    await _wait(tx, waiting, tx.now + _LOOK_AGAIN, RESERVED)
    cleared = [one for one in released.outcomes if isinstance(one, Cleared)]
    return Chunk(len(found), await _lease(tx, config, cleared, rules, definitions))


def _held_back(
    found: Iterable[Candidate], campaigns: CampaignSet
) -> tuple[list[Candidate], list[Candidate]]:
    """Those whose campaign does not send at the moment, and the others."""
    standing: list[Candidate] = []
    live: list[Candidate] = []
    for one in found:
        campaign = campaigns.campaigns.get(one.campaign)
        active = campaign is not None and campaign.status is Status.ACTIVE
        (live if active else standing).append(one)
    return standing, live


def _rules(one: Candidate, campaigns: CampaignSet, definitions: Pinned) -> Campaign:
    """The campaign as the invitation's version says it: content and delays are pinned."""
    newest = campaigns.campaigns[one.campaign]
    if newest.version == one.version:
        return newest
    definition = definitions[one.campaign, one.version]
    return to_rules(
        one.campaign, one.version, definition, newest.status, newest.activated_at, newest.pauses
    )


async def _wait(tx: Tx, waiting: Sequence[Candidate], until: datetime, why: str) -> None:
    if waiting:
        ids = [one.invitation for one in waiting]
        await tx.execute(_WAIT, tx.account, ids, until, why)


async def _drop(tx: Tx, dropped: Sequence[Dropped]) -> None:
    if not dropped:
        return
    rows = [
        (
            one.candidate.invitation,
            one.reason.value,
            *(one.candidate.last if one.reason in REARMING else (None, None, None)),
        )
        for one in dropped
    ]
    await tx.execute(_DROP, tx.account, *zip(*rows, strict=True), tx.now)
    await contacts.release(tx, [one.candidate.invitation for one in dropped])
    await note(
        tx,
        [
            Event(one.candidate.invitation, "dropped", one.candidate.attempt, one.reason.value)
            for one in dropped
        ],
    )


async def _lease(
    tx: Tx,
    config: MailConfig,
    cleared: Sequence[Cleared],
    rules: Mapping[UUID, Campaign],
    definitions: Pinned,
) -> list[Job]:
    if not cleared:
        return []
    account = await tx.fetchrow(_ACCOUNT, tx.account)
    assert account is not None  # noqa: S101 - its rows are in our hands
    jobs = [
        Job(
            account=tx.account,
            candidate=one.candidate,
            sending=one.candidate.earlier or _first_sending(config, one, account["language"]),
            attempt=one.candidate.attempt + 1,
            definition=definitions[one.candidate.campaign, one.candidate.version],
            campaign=rules[one.candidate.invitation],
            first_tried_at=one.candidate.first_tried_at or tx.now,
            zone=one.candidate.visit.zone or account["zone"],
            fallback=account["language"],
            after_crash=account["after_crash"],
        )
        for one in cleared
    ]
    await _write(tx, config, jobs, {one.candidate.invitation: one for one in cleared})
    return jobs


def _first_sending(config: MailConfig, one: Cleared, fallback: str) -> Sending:
    domain = config.mail_from.rpartition("@")[2]
    return Sending(
        address=one.to.normal,
        typed=one.to.typed,
        language=locale_of(one.candidate.language, fallback),
        message_id=f"<{one.candidate.invitation}@{domain}>",
        tokens=Tokens(tokens.mint(), tokens.mint()),
    )


async def _write(
    tx: Tx, config: MailConfig, jobs: Sequence[Job], cleared: Mapping[UUID, Cleared]
) -> None:
    fresh = [job for job in jobs if job.candidate.earlier is None]
    if fresh:
        rows = [_address_row(job, cleared[job.candidate.invitation]) for job in fresh]
        await tx.execute(_ADDRESS, tx.account, *zip(*rows, strict=True))
        ids = [job.candidate.invitation for job in fresh]
        surveys = [tokens.digest(job.sending.tokens.survey) for job in fresh]
        stops = [tokens.digest(job.sending.tokens.unsubscribe) for job in fresh]
        await tx.execute(_LINK, tx.account, "survey", surveys, ids)
        await tx.execute(_LINK, tx.account, "unsubscribe", stops, ids)
    again = [job.candidate.invitation for job in jobs if job.candidate.earlier is not None]
    if again:
        await tx.execute(_RESTATE, tx.account, again)
    leased = [
        (job.candidate.invitation, job.sending.tokens.survey, job.sending.tokens.unsubscribe)
        for job in jobs
    ]
    until = tx.now + timedelta(seconds=config.lease)
    await tx.execute(_LEASE, tx.account, until, tx.now, *zip(*leased, strict=True))


def _address_row(job: Job, cleared: Cleared) -> tuple[object, ...]:
    one = job.candidate
    captured = (
        one.captured_by == one.technician
        and one.captured_at is not None
        and one.captured_at > one.visit.moment
    )
    return (
        one.invitation,
        job.sending.address,
        job.sending.typed,
        cleared.to.field.value,
        captured,
        job.sending.language,
        job.sending.message_id,
    )
