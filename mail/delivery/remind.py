"""Reminders: after each mail that a server accepted the next one is queued, while some are left.

It is written in the transaction that records the mail, so that a crash loses or doubles neither.
Whether it goes is judged when it is claimed: an answer may come meanwhile.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from mail.campaigns.cache import load
from mail.delivery.stages import Leased
from mail.states import REMIND, Purpose
from rules.reminders import next_reminder
from sync.database import Tx
from sync.ids import new_id

#: The rows are locked: they were just written, or a mail in doubt left the queue.
_COUNT: Final = """
UPDATE invitation SET reminders_used = reminders_used + 1 WHERE account = $1 AND id = ANY($2)
"""

#: LIMIT keeps the planner from reading all answers of an account.
_UNANSWERED: Final = """
SELECT i.id, i.reminders_used, i.deadline
FROM invitation i
LEFT JOIN LATERAL (
  SELECT true AS is_answered FROM answer WHERE account = $1 AND invitation = i.id LIMIT 1) a ON true
WHERE i.account = $1 AND i.id = ANY($2) AND a.is_answered IS NULL
"""

#: Late writes of the mail before change nothing: they name its attempt and a phase after waiting.
_QUEUE: Final = REMIND.sql("""
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent,
  own_address, own_typed_address, own_message_id)
SELECT $1, new.invitation, new.release, new.release, {phase}, {purpose}, new.attempt, true,
  new.address, new.typed, new.message_id
FROM unnest($2::uuid[], $3::timestamptz[], $4::integer[], $5::text[], $6::text[], $7::text[])
  AS new (invitation, release, attempt, address, typed, message_id)
""")


async def count_reminders(tx: Tx, invitations: Sequence[UUID]) -> None:
    """Count a reminder of each of `invitations`: it was accepted, or may have been."""
    if invitations:
        await tx.execute(_COUNT, tx.account, invitations)


async def queue_reminders(tx: Tx, taken: Sequence[Leased]) -> None:
    """Queue the next reminder of the mails `taken`, which this transaction recorded as accepted.

    It goes to the same address. None follows where the campaign's are used up, somebody answered,
    or it could not come before the deadline.
    """
    await count_reminders(
        tx, [job.invitation for job in taken if job.candidate.purpose is Purpose.REMINDER]
    )
    found = await tx.fetch(_UNANSWERED, tx.account, [job.invitation for job in taken])
    unanswered = {row["id"]: row for row in found}
    places = (await load(tx)).places
    entries = []
    for job in taken:
        if (row := unanswered.get(job.invitation)) is None:
            continue
        calendar = places.calendar(job.zone, job.candidate.region)
        used, deadline = row["reminders_used"], row["deadline"]
        release = next_reminder(job.version.rules, used, tx.now, deadline, calendar)
        if release is not None:
            to, message_id = job.sending, f"<{job.invitation}.{new_id().hex}@{job.version.domain}>"
            entry = (job.invitation, release, job.attempt, to.address, to.typed, message_id)
            entries.append(entry)
    if entries:
        await tx.execute(_QUEUE, tx.account, *zip(*entries, strict=True))
