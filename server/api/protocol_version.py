"""Which version of the protocol a device speaks, said in a header of push, pull and live."""

from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from server.http.problems import BadBodyError, Fault, OldAppError

HEADER: Final = "Retour-Protocol"
#: Versions that are served. 2: history, notes and verdicts in the feed, who would be asked.
#: 3: what is dialled for a phone number.
OLDEST: Final = 1
NEWEST: Final = 3

#: Digits of a version that anybody may have heard of.
LONGEST: Final = 9

AnyConnection = ASGIConnection[Any, Any, Any, Any]


def spoken(connection: AnyConnection) -> int:
    """The version to answer in: what the header says (1 without it), `NEWEST` for a newer one.

    :raises BadBodyError: a header that is no number.
    :raises OldAppError: older than `OLDEST`.
    """
    said = connection.headers.get(HEADER, "1").strip()
    if not (said.isascii() and said.isdecimal()):
        raise BadBodyError(Fault("", "bad_protocol", f"`{HEADER}` must be a whole number"))
    version = NEWEST if len(said) > LONGEST else int(said)
    if version < OLDEST:
        raise OldAppError
    return min(version, NEWEST)


async def speaks(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """Guard: a version that is served. It comes before the body, which may be of an old shape.

    :raises BadBodyError, OldAppError: as `spoken`.
    """
    spoken(connection)
