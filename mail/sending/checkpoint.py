"""The checkpoint: what each connection has come to, written for many mails in one transaction.

Each mark is fenced by the attempt it was leased with. Content leaves only after its mark is
durable; that the server took it is written along with what comes next, and again until it is.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar
from uuid import UUID

import structlog

from mail import contacts
from mail.delivery import breakers
from mail.delivery.breakers import EVERY
from mail.delivery.stages import Leased
from mail.positions import ADVANCE
from mail.states import CONTENT, TAKEN
from rules.timing import later, window_anchor
from sync.database import Tx, once, run
from sync.ids import new_id

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

T = TypeVar("T")

#: Commits of content marks under way at once: connections that do not wait for one go on.
_AT_ONCE: Final = 2
#: Seconds that a "sent" waits, for nobody waits for it.
_LINGER: Final = 0.02
#: Seconds between two tries to write while the database is away, and until that is given up where
#: nobody says when: leases are over by then.
_RETRY: Final = 0.5
_LONGEST: Final = 900.0
#: Seconds that a refusal waits until what was taken before it is written.
_SETTLE: Final = 5.0

#: Of all accounts at once, and alone in its transaction: connections wait for it. Rows are locked
#: in the order of the index, here and below.
_CONTENT: Final = CONTENT.sql("""
UPDATE outbox SET phase = {phase}
WHERE account = ANY($1::bigint[]) AND invitation = ANY($2::uuid[])
  AND attempt = ($3::integer[])[array_position($2, invitation)]
  AND phase IN ({from_phases}) AND lease_until > retour_now()
RETURNING invitation
""")

#: One statement, for speed. The mute window starts only if it was not confirmed before. Each row
#: that was written tells whether a breaker has to hear of it, or a mailbox that was full.
_SENT: Final = TAKEN.sql("""
WITH taken AS (
  DELETE FROM outbox
  WHERE account = $1 AND invitation = ANY($3::uuid[])
    AND attempt = ($4::integer[])[array_position($3, invitation)]
    AND phase IN ({from_phases})
  RETURNING invitation, attempt, array_position($3, invitation) AS place
), used AS (
  UPDATE contact_use u SET confirmed = true, counted_from = ($6::timestamptz[])[place]
  FROM taken WHERE u.account = $1 AND u.invitation = taken.invitation AND NOT u.confirmed
), told AS (
  INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt)
  SELECT $1, ($7::uuid[])[place], invitation, ($8::text[])[place], $2, attempt FROM taken
)
UPDATE invitation i SET status = {status}, sent_at = $2, deadline = ($5::timestamptz[])[place]
FROM taken WHERE i.account = $1 AND i.id = ANY($3::uuid[]) AND i.id = taken.invitation
RETURNING
  EXISTS (SELECT FROM sender_breaker WHERE account = $1
    AND sender = ANY($9::text[]) AND recipient = ANY($10::text[])) AS broken,
  EXISTS (SELECT FROM contact WHERE account = $1
    AND id = ANY($11::uuid[]) AND full_since IS NOT NULL) AS was_full
""")

_OURS: Final = CONTENT.reading("""
SELECT FROM outbox
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")


class Checkpoint:
    """What the connections of one run have come to.

    `lost`: a claim of this run did not stand any more; others may be gone likewise.
    """

    def __init__(self) -> None:
        self.lost = False
        self._contents: list[Leased] = []
        self._marks = asyncio.Semaphore(_AT_ONCE)
        self._marking: asyncio.Task[set[tuple[UUID, int]]]
        self._taken: dict[int, list[Leased]] = {}
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._writers: list[asyncio.Task[None]] = []
        self._ending = asyncio.Event()
        self._give_up_at = asyncio.get_running_loop().time() + _LONGEST

    async def content(self, job: Leased) -> bool:
        """Whether the content may leave: that is durable now. False: the claim was taken back.

        :raises Exception: of the database; it is not known, and nothing may leave.
        """
        self._contents.append(job)
        if len(self._contents) == 1:
            self._marking = asyncio.create_task(self._mark_contents())
        stands = (job.invitation, job.attempt) in await asyncio.shield(self._marking)
        self.lost = self.lost or not stands
        return stands

    def sent(self, job: Leased) -> None:
        """The server has taken the mail; `flush` waits until that is written."""
        together = self._taken.setdefault(job.account, [])
        together.append(job)
        if len(together) == 1:
            self._writers.append(asyncio.create_task(self._write_sent(job.account)))

    async def settle(self) -> None:
        """Have written what was taken so far, so that no refusal counts as if it came before."""
        if self._writers:
            await asyncio.wait(self._writers, timeout=_SETTLE)

    async def flush(self, patience: float) -> None:
        """Wait until all is written, at most `patience` seconds while the database is away.

        :raises Exception: of the database; some is not written, and those mails are in doubt.
        """
        soon = asyncio.get_running_loop().time() + patience
        self._give_up_at = min(soon, self._give_up_at)
        self._ending.set()  # nothing more comes
        # Shielded: a run whose time is over must not end the writing of what went.
        writers = (asyncio.shield(writer) for writer in self._writers)
        for error in await asyncio.gather(*writers, return_exceptions=True):
            if error is not None:
                raise error

    async def _mark_contents(self) -> set[tuple[UUID, int]]:
        """Invitations and attempts of which the content may leave, of those that came meanwhile.

        Of two attempts at one mail the first was taken back, whichever comes first here.
        """
        await asyncio.sleep(0)  # others come in the same breath
        async with self._marks:
            together, self._contents = self._contents, []
            last: dict[UUID, int] = {}
            for job in together:
                last[job.invitation] = max(job.attempt, last.get(job.invitation, 0))
            accounts = {job.account for job in together}
            rows = await once(_CONTENT, accounts, list(last), list(last.values()))
        return {(row["invitation"], last[row["invitation"]]) for row in rows}

    async def _write_sent(self, account: int) -> None:
        """What comes while the account's last ones are written goes together, too.

        One account that cannot be written keeps no other waiting.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER):
                await self._ending.wait()
        async with self._turns[account]:
            jobs = self._taken.pop(account)
            broken, was_full = await self._until_done(account, lambda tx: _set_sent(tx, jobs))
            # Apart, for a mark that is written is so once.
            if broken:
                routes = {job.route for job in jobs}
                await self._until_done(account, lambda tx: breakers.taken(tx, routes))
            if was_full:
                written_to = {job.contact for job in jobs}
                await self._until_done(account, lambda tx: contacts.took(tx, written_to))

    async def _until_done(self, account: int, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Try again and again, until it is given up."""
        told = False
        while True:
            try:
                return await run(account, work)
            except Exception as error:
                if asyncio.get_running_loop().time() >= self._give_up_at:
                    raise
                if not told:
                    LOG.warning("not written yet", account=account, kind=type(error).__name__)
                told = True
            await asyncio.sleep(_RETRY)


async def still_ours(job: Leased) -> bool:
    """Whether the claim still stands: nobody has taken it back, or over."""
    return bool(await once(_OURS, job.account, job.invitation, job.attempt))


async def _set_sent(tx: Tx, jobs: Sequence[Leased]) -> tuple[bool, bool]:
    """Whether there is a breaker of the mails' domains, and one of their mailboxes was full.

    Both count as so where a mark was not written: it may have been before, unheard.
    """
    rows = [
        (
            job.invitation,
            job.attempt,
            later(tx.now, job.version.rules.deadline),
            window_anchor(job.candidate.release, tx.now),
            new_id(),
            "resent" if job.candidate.resent else "sent",
        )
        for job in jobs
    ]
    senders = {job.route.sender for job in jobs}
    recipients = {EVERY, *(job.route.recipient for job in jobs)}
    written_to = {job.contact for job in jobs}
    columns = (*zip(*rows, strict=True), senders, recipients, written_to)
    written = await tx.fetch(_SENT, tx.account, tx.now, *columns)
    tx.last.add(ADVANCE)
    if len(written) < len(jobs):
        LOG.warning(
            "a mail was sent after its lease was lost, or written twice", account=tx.account
        )
        return True, True
    return any(row["broken"] for row in written), any(row["was_full"] for row in written)
