"""The lag of the feed: how long written changes may have been waiting for their commit."""

from typing import Final

from sync.database import once

_OLDEST: Final = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND backend_xid IS NOT NULL
"""


async def lag() -> float:
    """Return the age of the oldest open transaction that has written, in seconds; 0 without one.

    Changes appear in the feed with their commit. Only transactions of the caller's role count,
    because PostgreSQL hides those of others; the API's processes, which write the feed, share one.
    """
    [row] = await once(_OLDEST)
    return max(0.0, float(row[0]))
