"""What is recorded of mails while they are sent, of many of them at once.

Each write is fenced by the attempt of the lease. Content is sent only after the phase `data` is
durable. That the server accepted it is written together with that of other mails, and tried again
until it is.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeVar
from uuid import UUID

import structlog

from mail import contacts
from mail.delivery import breakers
from mail.delivery.breakers import EVERY
from mail.delivery.events import EventKind
from mail.delivery.remind import queue_reminders
from mail.delivery.stages import Leased
from mail.positions import ADVANCE
from mail.states import CONTENT, TAKEN, Status
from rules.timing import later, window_anchor
from sync.database import Tx, once, run
from sync.ids import new_id

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

T = TypeVar("T")

#: Concurrent commits of phase `data`: while one is under way, another can begin.
_MAX_MARKING: Final = 2
#: Seconds for which accepted mails are gathered before they are written; nothing waits for that.
_LINGER: Final = 0.02
#: Seconds between two tries to write while the database is away, and until the last one where
#: `flush` sets no other limit; leases have ended by then.
_RETRY: Final = 0.5
_GIVE_UP_AFTER: Final = 900.0
#: Seconds for which a refusal waits until earlier accepted mails are written.
_SETTLE: Final = 5.0

#: The event of an accepted mail: of a reminder or not, and of another copy or not.
_SENT: Final[Mapping[tuple[bool, bool], EventKind]] = {
    (False, False): Status.SENT,
    (False, True): "resent",
    (True, False): "reminded",
    (True, True): "reminded",
}

#: Of all accounts at once, and alone in its transaction, because connections wait for it. Rows are
#: locked in the order of the index, here and below. The mail is offered now, if it never was.
_MARK_CONTENT: Final = CONTENT.sql("""
UPDATE outbox SET phase = {phase},
  first_tried_at = coalesce(first_tried_at, ($4::timestamptz[])[array_position($2, invitation)])
WHERE account = ANY($1::bigint[]) AND invitation = ANY($2::uuid[])
  AND attempt = ($3::integer[])[array_position($2, invitation)]
  AND phase IN ({from_phases}) AND lease_until > retour_now()
RETURNING invitation
""")

#: One statement, for speed. A mute window starts unless it was confirmed before. Each row that was
#: written tells whether breakers have to be closed, or a mailbox that was full is not any more.
#: The deadline counts from the first mail that was accepted.
_RECORD_SENT: Final = TAKEN.sql("""
WITH taken AS (
  DELETE FROM outbox
  WHERE account = $1 AND invitation = ANY($3::uuid[])
    AND attempt = ($4::integer[])[array_position($3, invitation)]
    AND phase IN ({from_phases})
  RETURNING invitation, attempt, array_position($3, invitation) AS place
), used AS (
  UPDATE contact_use u SET confirmed = true, counted_from = ($6::timestamptz[])[place]
  FROM taken WHERE u.account = $1 AND u.invitation = taken.invitation AND NOT u.confirmed
), event AS (
  INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, address)
  SELECT $1, ($7::uuid[])[place], invitation, ($8::text[])[place], $2, attempt,
    ($12::text[])[place] FROM taken
)
UPDATE invitation i SET status = {status},
  sent_at = CASE WHEN i.status = {Status.SENT} THEN i.sent_at ELSE $2 END,
  deadline = CASE WHEN i.status = {Status.SENT} THEN i.deadline
    ELSE ($5::timestamptz[])[place] END
FROM taken WHERE i.account = $1 AND i.id = ANY($3::uuid[]) AND i.id = taken.invitation
RETURNING i.id,
  EXISTS (SELECT FROM sender_breaker WHERE account = $1
    AND sender = ANY($9::text[]) AND recipient = ANY($10::text[])) AS has_breaker,
  EXISTS (SELECT FROM contact WHERE account = $1
    AND id = ANY($11::uuid[]) AND full_since IS NOT NULL) AS was_full
""")

_IS_LEASED: Final = CONTENT.reading("""
SELECT FROM outbox
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")


class ProgressWriter:
    """Writes the progress of the mails of one run.

    `lost`: a claim of this run did not stand any more, so that others may not either.
    """

    def __init__(self) -> None:
        self.lost = False
        self._contents: list[Leased] = []
        self._marking_slots = asyncio.Semaphore(_MAX_MARKING)
        self._marking: asyncio.Task[set[tuple[UUID, int]]]
        self._sent: dict[int, list[Leased]] = {}
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._writers: list[asyncio.Task[None]] = []
        self._ending = asyncio.Event()
        self._give_up_at = asyncio.get_running_loop().time() + _GIVE_UP_AFTER

    async def mark_content(self, job: Leased) -> bool:
        """Make phase `data` durable; return whether the claim stands, so that content may be sent.

        :raises Exception: of the database; the phase is not known, and nothing may be sent.
        """
        self._contents.append(job)
        if len(self._contents) == 1:
            self._marking = asyncio.create_task(self._mark_contents())
        stands = (job.invitation, job.attempt) in await asyncio.shield(self._marking)
        self.lost = self.lost or not stands
        return stands

    def add_sent(self, job: Leased) -> None:
        """Have it recorded that the server accepted a mail; `flush` waits until it is."""
        jobs = self._sent.setdefault(job.account, [])
        jobs.append(job)
        if len(jobs) == 1:
            self._writers.append(asyncio.create_task(self._write_sent(job.account)))

    async def settle(self) -> None:
        """Wait until earlier accepted mails are written, so that a refusal counts as later."""
        if self._writers:
            await asyncio.wait(self._writers, timeout=_SETTLE)

    async def flush(self, limit: float) -> None:
        """Wait until all is written, at most `limit` seconds while the database is away.

        :raises Exception: of the database; mails that could not be written are in doubt.
        """
        self._give_up_at = min(asyncio.get_running_loop().time() + limit, self._give_up_at)
        self._ending.set()
        # Shielded: when the time of a run is over, what was accepted must still be written.
        writers = (asyncio.shield(writer) for writer in self._writers)
        for error in await asyncio.gather(*writers, return_exceptions=True):
            if error is not None:
                raise error

    async def _mark_contents(self) -> set[tuple[UUID, int]]:
        """Return invitations and attempts whose claims stand, of those added before the commit.

        Of two attempts at one mail the first was recalled, in whatever order they come.
        """
        await asyncio.sleep(0)  # other sessions of this iteration of the loop add theirs
        async with self._marking_slots:
            jobs, self._contents = self._contents, []
            last = {job.invitation: job for job in sorted(jobs, key=lambda job: job.attempt)}
            marks = [(job.invitation, job.attempt, job.first_tried_at) for job in last.values()]
            accounts = {job.account for job in jobs}
            rows = await once(_MARK_CONTENT, accounts, *zip(*marks, strict=True))
        return {(row["invitation"], last[row["invitation"]].attempt) for row in rows}

    async def _write_sent(self, account: int) -> None:
        """Write the accepted mails of one account; those added meanwhile are written next.

        Accounts are written apart, so that one that fails does not delay the others.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                await self._ending.wait()
        async with self._locks[account]:
            jobs = self._sent.pop(account)
            has_breaker, was_full = await self._retry(account, lambda tx: _record_sent(tx, jobs))
            # In transactions of their own: when these are retried, the mails must not be.
            if has_breaker:
                routes = {job.route for job in jobs}
                await self._retry(account, lambda tx: breakers.close(tx, routes))
            if was_full:
                accepting = {job.contact for job in jobs}
                await self._retry(account, lambda tx: contacts.clear_full(tx, accepting))

    async def _retry(self, account: int, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Return what `work` returns in a transaction; try until it succeeds or it is too late."""
        logged = False
        while True:
            try:
                return await run(account, work)
            except Exception as error:
                if asyncio.get_running_loop().time() >= self._give_up_at:
                    raise
                if not logged:
                    LOG.warning("not written yet", account=account, kind=type(error).__name__)
                logged = True
            await asyncio.sleep(_RETRY)


async def is_leased(job: Leased) -> bool:
    """Return whether the claim stands: it was neither recalled nor taken over."""
    return bool(await once(_IS_LEASED, job.account, job.invitation, job.attempt))


async def _record_sent(tx: Tx, jobs: Sequence[Leased]) -> tuple[bool, bool]:
    """Record accepted mails; return whether they have a breaker, and whether a mailbox was full.

    Both are true if a mail was not written: it may have been before, without an acknowledgement.
    """
    rows = [
        (
            job.invitation,
            job.attempt,
            later(tx.now, job.version.rules.deadline),
            window_anchor(job.candidate.ready, job.candidate.release, tx.now),
            new_id(),
            _SENT[job.candidate.is_reminder, job.candidate.resent],
        )
        for job in jobs
    ]
    senders = {job.route.sender for job in jobs}
    recipients = {EVERY, *(job.route.recipient for job in jobs)}
    known = {job.contact for job in jobs}
    addresses = [job.sending.typed if job.candidate.resent else None for job in jobs]
    columns = (*zip(*rows, strict=True), senders, recipients, known, addresses)
    written = await tx.fetch(_RECORD_SENT, tx.account, tx.now, *columns)
    tx.last.add(ADVANCE)
    if reminding := [job for job in jobs if job.version.rules.reminders]:
        recorded = {row["id"] for row in written}
        await queue_reminders(tx, [job for job in reminding if job.invitation in recorded])
    if len(written) < len(jobs):
        LOG.warning(
            "a mail was sent after its lease was lost, or written twice", account=tx.account
        )
        return True, True
    return any(row["has_breaker"] for row in written), any(row["was_full"] for row in written)
