"""What waits for the dispatcher, counted for the navigation of every page of the console."""

from typing import Final

from server.access.principals import ConsoleRequest
from server.web.page import Page, frame
from sync.database import Tx

#: Refused transitions are counted up to here; one more is told as "99+".
MOST_COUNTED: Final = 99

#: By the name of the place where they are shown.
_COUNTS: Final = """
SELECT
  (SELECT count(*) FROM (
    SELECT FROM transition WHERE account = $1 AND verdict = 'refused' LIMIT $2
  ) AS counted) AS refused,
  (SELECT count(*) FROM sender_breaker
    WHERE account = $1 AND opened_at IS NOT NULL) AS campaigns
"""


async def console_frame(tx: Tx, request: ConsoleRequest) -> Page:
    """The frame of a page of the console.

    It says how many refused transitions there are, and how many senders' mails are refused.
    """
    counts = await tx.fetchrow(_COUNTS, tx.account, MOST_COUNTED + 1)
    assert counts is not None  # noqa: S101 - a SELECT without FROM has one row
    return frame(request, request.user, counts=dict(counts))
