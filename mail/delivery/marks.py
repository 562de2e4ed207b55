"""Marks: what each connection has come to, written for many mails in one transaction.

Each mark is fenced by the attempt it was leased with. Content leaves only after its mark is
durable; that the server took it is written along with what comes next, and again until it is.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from rules.timing import answer_deadline, window_anchor
from sync.database import Tx, run
from sync.ids import new_id

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: Seconds that a mark waits for the others: a commit costs more than what it writes.
_GATHER: Final = 0.002
#: Seconds that a "sent" waits, for nobody waits for it.
_LINGER: Final = 0.02
#: Seconds between two tries to write while the database is away.
_RETRY: Final = 0.5

_CONTENT: Final = """
UPDATE outbox o SET phase = 'data'
FROM unnest($2::uuid[], $3::integer[]) AS one (invitation, attempt)
WHERE o.account = $1 AND o.invitation = one.invitation AND o.attempt = one.attempt
  AND o.phase = 'claimed' AND o.lease_until > $4
RETURNING o.invitation
"""

#: One statement, for speed. The mute window starts only if it was not confirmed before.
_SENT: Final = """
WITH taken AS (
  DELETE FROM outbox o
  USING unnest($3::uuid[], $4::integer[], $5::timestamptz[], $6::timestamptz[], $7::uuid[],
    $8::text[]) AS one (invitation, attempt, deadline, anchor, event, kind)
  WHERE o.account = $1 AND o.invitation = one.invitation AND o.attempt = one.attempt
    AND o.phase = 'data'
  RETURNING one.*
), muted AS (
  UPDATE mute m SET confirmed = true, counted_from = taken.anchor
  FROM taken WHERE m.account = $1 AND m.invitation = taken.invitation AND NOT m.confirmed
), told AS (
  INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt)
  SELECT $1, event, invitation, kind, $2, attempt FROM taken
)
UPDATE invitation i SET status = 'sent', sent_at = $2, deadline = taken.deadline
FROM taken WHERE i.account = $1 AND i.id = taken.invitation
"""


class Mark(Struct, frozen=True):
    """An attempt of an invitation.

    `release`: UTC. `answers_for`: how long answers are taken. `resent`: a copy may have gone
    before.
    """

    account: int
    invitation: UUID
    attempt: int
    release: datetime
    answers_for: timedelta
    resent: bool


class Waiting(Struct):
    """A mark, and whoever waits to hear whether the lease still held."""

    mark: Mark
    heard: "asyncio.Future[bool]"


class Marks:
    """Collects marks while others are on their way, and writes them in one transaction.

    `company`: how many connections are at work; when all of them wait, nobody else can come.
    """

    def __init__(self) -> None:
        self.company = 1
        self._content: list[Waiting] = []
        self._sent: list[Mark] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[None] | None = None
        self._failure: Exception | None = None

    async def content(self, mark: Mark) -> bool:
        """Whether the content may leave: that is durable now. False: the lease was lost.

        :raises OSError, asyncpg.PostgresError: it is not known; nothing may leave.
        """
        waiting = Waiting(mark, asyncio.get_running_loop().create_future())
        self._content.append(waiting)
        self._plan()
        return await waiting.heard

    def sent(self, mark: Mark) -> None:
        """The server has taken the mail; `flush` waits until that is written."""
        self._sent.append(mark)
        self._plan()

    async def flush(self, patience: float) -> None:
        """Wait until all is written, at most `patience` seconds while the database is away.

        :raises OSError, asyncpg.PostgresError: some is not; those mails are in doubt.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + patience
        while self._sent or self._writer is not None:
            self._begin()
            if self._writer is not None:
                await asyncio.shield(self._writer)
            if self._failure is not None:
                if loop.time() >= until:
                    raise self._failure
                await asyncio.sleep(_RETRY)

    def _plan(self) -> None:
        """Write at once if nobody is missing, else soon."""
        if self._writer is not None:
            return
        if len(self._content) >= self.company:
            self._begin()
        elif self._content or self._sent:
            self._cancel_timer()
            self._timer = asyncio.get_running_loop().call_later(self._wait(), self._begin)

    def _wait(self) -> float:
        if self._failure is not None:
            return _RETRY
        return _GATHER if self._content else _LINGER

    def _begin(self) -> None:
        self._cancel_timer()
        if self._writer is None and (self._content or self._sent):
            self._writer = asyncio.create_task(self._write_all())

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _write_all(self) -> None:
        content, self._content = self._content, []
        sent, self._sent = self._sent, []
        self._failure = None
        try:
            for account in {one.mark.account for one in content} | {one.account for one in sent}:
                await self._settle(
                    account,
                    [one for one in content if one.mark.account == account],
                    [one for one in sent if one.account == account],
                )
        finally:
            self._writer = None
            self._plan()

    async def _settle(self, account: int, content: list[Waiting], sent: list[Mark]) -> None:
        marks = [one.mark for one in content]
        try:
            ours = await run(account, lambda tx: _write(tx, marks, sent))
        except Exception as error:  # noqa: BLE001 - whoever waits for a mark must be told
            self._sent += sent
            self._failure = error
            for one in _still_there(content):
                one.heard.set_exception(error)
            return
        for one in _still_there(content):
            one.heard.set_result(one.mark.invitation in ours)


def _still_there(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Those that were not cancelled meanwhile."""
    return [one for one in waiting if not one.heard.done()]


async def _write(tx: Tx, content: Sequence[Mark], sent: Sequence[Mark]) -> set[UUID]:
    if sent:
        rows = [_sent_row(mark, tx.now) for mark in _in_order(sent)]
        if await tx.execute(_SENT, tx.account, tx.now, *zip(*rows, strict=True)) < len(sent):
            LOG.warning("a mail was sent after its lease was lost", account=tx.account)
    if not content:
        return set()
    fences = zip(*((mark.invitation, mark.attempt) for mark in _in_order(content)), strict=True)
    found = await tx.fetch(_CONTENT, tx.account, *fences, tx.now)
    return {row["invitation"] for row in found}


def _in_order(marks: Iterable[Mark]) -> list[Mark]:
    return sorted(marks, key=lambda mark: mark.invitation)


def _sent_row(mark: Mark, now: datetime) -> tuple[object, ...]:
    return (
        mark.invitation,
        mark.attempt,
        answer_deadline(now, mark.answers_for),
        window_anchor(mark.release, now),
        new_id(),
        "resent" if mark.resent else "sent",
    )
