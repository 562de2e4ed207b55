"""Marks: what each connection has come to, written for many mails in one transaction.

Each mark is fenced by the attempt it was leased with. Content leaves only after its mark is
durable; that the server took it is written along with what comes next, and again until it is.
"""

import asyncio
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from mail.delivery import breakers
from mail.delivery.breakers import Route
from mail.states import CONTENT, TAKEN
from rules.timing import answer_deadline, window_anchor
from sync.database import Tx, once, run
from sync.ids import new_id

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Commits of content marks under way at once: connections that do not wait for one go on.
_AT_ONCE: Final = 2
#: Seconds that a "sent" waits, for nobody waits for it.
_LINGER: Final = 0.02
#: Seconds between two tries to write while the database is away.
_RETRY: Final = 0.5

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
#: that was written tells whether a breaker has to hear of it.
_SENT: Final = TAKEN.sql("""
WITH taken AS (
  DELETE FROM outbox
  WHERE account = $1 AND invitation = ANY($3::uuid[])
    AND attempt = ($4::integer[])[array_position($3, invitation)]
    AND phase IN ({from_phases})
  RETURNING invitation, attempt, array_position($3, invitation) AS place
), muted AS (
  UPDATE mute m SET confirmed = true, counted_from = ($6::timestamptz[])[place]
  FROM taken WHERE m.account = $1 AND m.invitation = taken.invitation AND NOT m.confirmed
), told AS (
  INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt)
  SELECT $1, ($7::uuid[])[place], invitation, ($8::text[])[place], $2, attempt FROM taken
)
UPDATE invitation i SET status = {status}, sent_at = $2, deadline = ($5::timestamptz[])[place]
FROM taken WHERE i.account = $1 AND i.id = taken.invitation
RETURNING EXISTS (
  SELECT FROM sender_breaker
  WHERE account = $1 AND sender = ANY($9::text[]) AND recipient = ANY($10::text[])) AS broken
""")


_OURS: Final = CONTENT.reading("""
SELECT FROM outbox
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")


class Mark(Struct, frozen=True):
    """An attempt of an invitation.

    `release`: UTC. `answers_for`: how long answers are taken. `resent`: a copy may have gone
    before.
    """

    account: int
    invitation: UUID
    route: Route
    attempt: int
    release: datetime
    answers_for: timedelta
    resent: bool


class Waiting(Struct):
    """A mark, and whoever waits to hear whether the lease still held."""

    mark: Mark
    heard: "asyncio.Future[bool]"


class Marks:
    """What the connections of one run have come to.

    `lost`: a claim of this run did not stand any more; others may be gone likewise.
    """

    def __init__(self) -> None:
        self.lost = False
        self._contents = _Contents()
        self._sent = _Sent()

    async def content(self, mark: Mark) -> bool:
        """Whether the content may leave: that is durable now. False: the claim was taken back.

        :raises Exception: of the database; it is not known, and nothing may leave.
        """
        stands = await self._contents.write(mark)
        self.lost = self.lost or not stands
        return stands

    def sent(self, mark: Mark) -> None:
        """The server has taken the mail; `flush` waits until that is written."""
        self._sent.add(mark)

    async def settle(self) -> None:
        """Have written what was taken so far, so that no refusal counts as if it came before."""
        await self._sent.settle()

    async def flush(self, patience: float) -> None:
        """Wait until all is written, at most `patience` seconds while the database is away.

        :raises Exception: of the database; some is not written, and those mails are in doubt.
        """
        await self._sent.flush(patience)


async def still_ours(account: int, invitation: UUID, attempt: int) -> bool:
    """Whether the claim still stands: nobody has taken it back, or over."""
    return bool(await once(_OURS, account, invitation, attempt))


class _Contents:
    """Marks that connections wait for: written at once, together where they come meanwhile."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._writers: set[asyncio.Task[None]] = set()

    async def write(self, mark: Mark) -> bool:
        waiting = Waiting(mark, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._begin()
        return await waiting.heard

    def _begin(self) -> None:
        if self._waiting and len(self._writers) < _AT_ONCE:
            writer = asyncio.create_task(self._write())
            self._writers.add(writer)
            writer.add_done_callback(self._ended)

    def _ended(self, writer: asyncio.Task[None]) -> None:
        self._writers.discard(writer)
        self._begin()

    async def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        await _tell(waiting)


class _Sent:
    """Marks that nobody waits for but the end of the run; written again until they are."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []
        self._taken: dict[int, set[Route]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    def add(self, mark: Mark) -> None:
        self._marks.append(mark)
        self._plan()

    async def settle(self) -> None:
        for _ in range(2):  # one may be under way with what was taken before
            if self._left():
                await self._written()

    async def flush(self, patience: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while self._left():
            await self._written()
            if self._failure is not None:
                if loop.time() >= until:
                    raise self._failure
                await asyncio.sleep(_RETRY)

    def _left(self) -> bool:
        return bool(self._marks or self._taken) or self._writer is not None

    async def _written(self) -> None:
        self._begin()
        if self._writer is not None:
            await asyncio.shield(self._writer)

    def _plan(self) -> None:
        if (self._marks or self._taken) and self._writer is None and self._timer is None:
            seconds = _LINGER if self._failure is None else _RETRY
            self._timer = asyncio.get_running_loop().call_later(seconds, self._begin)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        marks, self._marks = self._marks, []
        self._failure = None
        try:
            for account in {mark.account for mark in marks}:
                await self._write_of(account, [one for one in marks if one.account == account])
            for account in list(self._taken):
                await self._shut(account)
        finally:
            self._writer = None
            self._plan()

    async def _write_of(self, account: int, marks: list[Mark]) -> None:
        try:
            broken = await run(account, lambda tx: _set_sent(tx, marks))
        except Exception as error:  # noqa: BLE001 - it is tried again, and `flush` tells
            self._marks += marks
            self._failure = error
            return
        if broken:
            self._taken.setdefault(account, set()).update(mark.route for mark in marks)

    async def _shut(self, account: int) -> None:
        """Shut the breakers of what was taken; apart, for a mark that is written is so once."""
        try:
            await run(account, lambda tx: breakers.taken(tx, self._taken[account]))
        except Exception as error:  # noqa: BLE001 - it is tried again, and `flush` tells
            self._failure = error
        else:
            del self._taken[account]


async def _tell(waiting: list[Waiting]) -> None:
    """Write the marks, and tell each connection whether its lease still held."""
    try:
        ours = await _set_content([one.mark for one in waiting])
    except Exception as error:  # noqa: BLE001 - whoever waits must be told
        for one in _still_there(waiting):
            one.heard.set_exception(error)
        return
    for one in _still_there(waiting):
        one.heard.set_result(one.mark.invitation in ours)


def _still_there(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Those that were not cancelled meanwhile."""
    return [one for one in waiting if not one.heard.done()]


async def _set_content(marks: Collection[Mark]) -> set[UUID]:
    fences = [(mark.invitation, mark.attempt) for mark in marks]
    accounts = list({mark.account for mark in marks})
    return {row["invitation"] for row in await once(_CONTENT, accounts, *zip(*fences, strict=True))}


async def _set_sent(tx: Tx, marks: Collection[Mark]) -> bool:
    """Write the marks; whether there is a breaker of their domains."""
    rows = [_sent_row(mark, tx.now) for mark in marks]
    senders = {mark.route.sender for mark in marks}
    recipients = {breakers.EVERY, *(mark.route.recipient for mark in marks)}
    columns = (*zip(*rows, strict=True), senders, recipients)
    written = await tx.fetch(_SENT, tx.account, tx.now, *columns)
    if len(written) < len(marks):
        LOG.warning("a mail was sent after its lease was lost", account=tx.account)
    return any(row["broken"] for row in written)


def _sent_row(mark: Mark, now: datetime) -> tuple[object, ...]:
    return (
        mark.invitation,
        mark.attempt,
        answer_deadline(now, mark.answers_for),
        window_anchor(mark.release, now),
        new_id(),
        "resent" if mark.resent else "sent",
    )
