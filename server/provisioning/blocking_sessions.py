"""Logs which sessions keep a starting process waiting for a lock in the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog

from sync.connections import FAULTS, PROMPT, Connector

if TYPE_CHECKING:
    from sync.connections import Connection

LOG: Final = structlog.stdlib.get_logger("retour.database")

#: Seconds of waiting before the first line of the log, and between two lines.
FIRST: Final = 1.0
AGAIN: Final = 15.0

#: The sessions that block the session $1, and by what lock. An ordinary owner reads null for what
#: sessions of other roles do.
_WAITING: Final = """
SELECT coalesce(wanted.relation::regclass::text, wanted.locktype) AS lock, holder.pid,
  holder.usename, holder.application_name, host(holder.client_addr) AS address, holder.state,
  date_trunc('second', clock_timestamp() - holder.xact_start)::text AS in_transaction
FROM pg_locks wanted
CROSS JOIN unnest(pg_blocking_pids($1)) AS blocking (pid)
JOIN pg_stat_activity holder ON holder.pid = blocking.pid
WHERE wanted.pid = $1 AND NOT wanted.granted
"""


@asynccontextmanager
async def report_waiting(dsn: str, connection: "Connection") -> AsyncIterator[None]:
    """Log for which locks `connection`, in a transaction, waits. `dsn`: an address of its role."""
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    watching = asyncio.create_task(_watch(dsn, pid))
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def _watch(dsn: str, pid: int) -> None:
    await asyncio.sleep(FIRST)
    while True:
        try:
            connection = await Connector(dsn, PROMPT)()
            try:
                blockers = await connection.fetch(_WAITING, pid)
            finally:
                await connection.close()
        except FAULTS as error:
            LOG.warning("the database does not answer", kind=type(error).__name__, what=str(error))
            blockers = []
        for row in blockers:
            LOG.warning("waiting for a lock that another session holds", **row)
        await asyncio.sleep(AGAIN)
