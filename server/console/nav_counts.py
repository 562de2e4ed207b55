"""The numbers beside the navigation of the console: what waits for a dispatcher."""

from typing import Final

from server.access.principals import ConsoleRequest
from server.web.page import Page, frame
from sync.database import Tx

#: Follow-ups and refused transitions are counted up to here; more are shown as "99+".
MOST_COUNTED: Final = 99

#: Each column is named like the navigation entry that shows it.
_COUNTS: Final = """
SELECT
  (SELECT count(*) FROM (
    SELECT FROM follow_up WHERE account = $1 AND status <> 'closed' LIMIT $2
  ) AS counted) AS "follow-ups",
  (SELECT count(*) FROM (
    SELECT FROM transition
    WHERE account = $1 AND verdict = 'refused' AND dismissed_at IS NULL LIMIT $2
  ) AS counted) AS refused,
  (SELECT count(*) FROM sender_breaker
    WHERE account = $1 AND opened_at IS NOT NULL) AS campaigns
"""


async def console_frame(tx: Tx, request: ConsoleRequest) -> Page:
    """The frame of a page of the console, with the counts of its navigation.

    Counted are open follow-ups, refused transitions that nobody settled, and senders whose mails
    are refused.
    """
    counts = await tx.fetchrow(_COUNTS, tx.account, MOST_COUNTED + 1)
    assert counts is not None  # noqa: S101 - a SELECT without FROM has one row
    return frame(request, request.user, counts=dict(counts))
