"""What waits for the dispatcher, counted for the navigation of every page of the console."""

from typing import Final

from server.auth import ConsoleRequest
from server.pages.page import Page, frame
from sync.database import Tx

#: Refused transitions are counted up to here; one more is told as "99+".
MOST_COUNTED: Final = 99

_REFUSED: Final = """
SELECT count(*) FROM (
  SELECT FROM verdict WHERE account = $1 AND verdict = 'refused' LIMIT $2) AS counted
"""


async def console_frame(tx: Tx, request: ConsoleRequest) -> Page:
    """The frame of a page of the console: it says how many refused transitions there are."""
    refused = await tx.fetchval(_REFUSED, tx.account, MOST_COUNTED + 1)
    return frame(request, request.user, counts={"refused": refused})
