"""The version of the protocol, which devices send in a header of push, pull and live."""

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from server.http.problems import BadBodyError, Fault, OldAppError

HEADER: Final = "Retour-Protocol"
#: Versions that are served. 2: history, notes and verdicts in the feed, and the address that would
#: be asked. 3: phone numbers in the form in which they are dialled. 4: when a campaign asks. 5:
#: about which tasks, and the facts of tasks and customers that say so. 6: since when steps count
#: for a task's current round, and of which campaigns none asks any more.
OLDEST: Final = 1
NEWEST: Final = 6

#: Digits of a version; one with more is answered as `NEWEST`.
LONGEST: Final = 9

AnyConnection = ASGIConnection[Any, Any, Any, Any]


def spoken(connection: AnyConnection) -> int:
    """The version in which to answer: the header's (1 without it), at most `NEWEST`.

    :raises BadBodyError: the header is not a number.
    :raises OldAppError: it is older than `OLDEST`.
    """
    text = connection.headers.get(HEADER, "1").strip()
    if not (text.isascii() and text.isdecimal()):
        raise BadBodyError(Fault("", "bad_protocol", f"`{HEADER}` must be a whole number"))
    version = NEWEST if len(text) > LONGEST else int(text)
    if version < OLDEST:
        raise OldAppError
    return min(version, NEWEST)


async def speaks(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """Guard of routes that use the version, before the body is read, which may be in an old shape.

    :raises BadBodyError, OldAppError: as `spoken`.
    """
    spoken(connection)
