"""The numbers beside the navigation of the console: what waits for a dispatcher."""

from typing import Final

from msgspec.structs import replace

from server.access.principals import ConsoleRequest
from server.services import services
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
    WHERE account = $1 AND opened_at IS NOT NULL) AS campaigns,
  (SELECT reason FROM sending_pause WHERE account = $1 AND end_at IS NULL) AS stopped,
  (SELECT round(extract(epoch FROM shift) / 3600)::integer FROM test_clock) AS hours_ahead
"""


async def console_frame(tx: Tx, request: ConsoleRequest) -> Page:
    """The frame of a page of the console, with the counts of its navigation.

    Counted are open follow-ups, refused transitions that nobody settled, and senders whose mails
    are refused. Every page says that the account's sending is stopped. The demonstration, which is
    known by its mailbox, says how far its clock is ahead.
    """
    counts = await tx.fetchrow(_COUNTS, tx.account, MOST_COUNTED + 1)
    assert counts is not None  # noqa: S101 - a SELECT without FROM has one row
    found = dict(counts)
    ahead = found.pop("hours_ahead") or 0
    stopped = found.pop("stopped")
    page = replace(frame(request, request.user, counts=found), stopped=stopped)
    return page if services(request).mailbox is None else replace(page, hours_ahead=ahead)
