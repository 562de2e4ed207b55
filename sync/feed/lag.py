"""How far the feed is behind what is being written."""

from typing import Final

from sync.database import once

_OLDEST: Final = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND backend_xid IS NOT NULL
"""


async def lag() -> float:
    """Seconds since the oldest transaction began that has written and has not ended; 0 without one.

    It looks at all processes with the caller's rights: the API's are the ones that write to the
    feed, whose changes appear with their commit. PostgreSQL does not tell of other roles' work.
    """
    [row] = await once(_OLDEST)
    return max(0.0, float(row[0]))
