"""Marks: what each connection has come to, written for many mails in one transaction.

Each mark is fenced by the attempt it was leased with, and acknowledged only after its commit.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail import contacts
from mail.delivery.events import Event, note
from rules.timing import answer_deadline, window_anchor
from sync.database import Tx, run

_CONTENT: Final = """
UPDATE outbox o SET phase = 'data'
FROM unnest($2::uuid[], $3::integer[]) AS one (invitation, attempt)
WHERE o.account = $1 AND o.invitation = one.invitation AND o.attempt = one.attempt
  AND o.phase = 'claimed' AND o.lease_until > $4
RETURNING o.invitation
"""

_TAKEN: Final = """
DELETE FROM outbox o USING unnest($2::uuid[], $3::integer[]) AS one (invitation, attempt)
WHERE o.account = $1 AND o.invitation = one.invitation AND o.attempt = one.attempt
  AND o.phase = 'data'
RETURNING o.invitation
"""

_SENT: Final = """
UPDATE invitation i SET status = 'sent', sent_at = $4, deadline = one.deadline
FROM unnest($2::uuid[], $3::timestamptz[]) AS one (id, deadline)
WHERE i.account = $1 AND i.id = one.id
"""


class Step(StrEnum):
    """What a mark says: the content may leave now, or the server has taken it."""

    CONTENT = "content"
    SENT = "sent"


class Mark(Struct, frozen=True):
    """`attempt` of an invitation reached `step`. `deadline`: how long answers are taken."""

    account: int
    invitation: UUID
    attempt: int
    step: Step
    release: datetime
    deadline: timedelta


class Marks:
    """Collects marks while a transaction is under way, and writes them in the next one."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Mark, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def set(self, mark: Mark) -> bool:
        """Whether the mark was set and is durable; False when the lease was lost meanwhile.

        :raises OSError, asyncpg.PostgresError: it is not known to be set.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((mark, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        return await future

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            by_account: defaultdict[int, list[tuple[Mark, asyncio.Future[bool]]]]
            by_account = defaultdict(list)
            for entry in batch:
                by_account[entry[0].account].append(entry)
            for account, entries in by_account.items():
                await _settle(account, entries)


async def _settle(account: int, entries: list[tuple[Mark, asyncio.Future[bool]]]) -> None:
    marks = [mark for mark, _ in entries]
    try:
        done = await run(account, lambda tx: _write(tx, marks))
    except Exception as error:  # noqa: BLE001 - whoever waits for a mark must be told
        for _, future in entries:
            if not future.done():
                future.set_exception(error)
        return
    for mark, future in entries:
        if not future.done():
            future.set_result(mark.invitation in done)


async def _write(tx: Tx, marks: Iterable[Mark]) -> set[UUID]:
    content = [mark for mark in marks if mark.step is Step.CONTENT]
    sent = [mark for mark in marks if mark.step is Step.SENT]
    return await _set_content(tx, content) | await _set_sent(tx, sent)


async def _set_content(tx: Tx, marks: Sequence[Mark]) -> set[UUID]:
    if not marks:
        return set()
    ids, attempts = _columns(marks)
    rows = await tx.fetch(_CONTENT, tx.account, ids, attempts, tx.now)
    return {row["invitation"] for row in rows}


async def _set_sent(tx: Tx, marks: Sequence[Mark]) -> set[UUID]:
    if not marks:
        return set()
    rows = await tx.fetch(_TAKEN, tx.account, *_columns(marks))
    taken = {row["invitation"] for row in rows}
    ours = [mark for mark in marks if mark.invitation in taken]
    if ours:
        deadlines = [answer_deadline(tx.now, mark.deadline) for mark in ours]
        await tx.execute(_SENT, tx.account, [one.invitation for one in ours], deadlines, tx.now)
        windows = [(one.invitation, window_anchor(one.release, tx.now)) for one in ours]
        await contacts.confirm(tx, windows)
        await note(tx, [Event(one.invitation, "sent", one.attempt) for one in ours])
    return taken


def _columns(marks: Sequence[Mark]) -> tuple[list[UUID], list[int]]:
    ordered = sorted(marks, key=lambda mark: mark.invitation)
    return [mark.invitation for mark in ordered], [mark.attempt for mark in ordered]
