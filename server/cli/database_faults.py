"""Why a database cannot be used, in words: the errors of sockets and of PostgreSQL's sign-in."""

import socket
from typing import Final

import asyncpg

from mail.wording import _

#: What each kind of error means, the narrower kinds first.
_MEANINGS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (ConnectionRefusedError, _("nothing listens at its address")),
    (socket.gaierror, _("the name of its host is not known")),
    (TimeoutError, _("it does not answer")),
    (asyncpg.InvalidAuthorizationSpecificationError, _("it refuses the user or the password")),
    (asyncpg.InvalidCatalogNameError, _("the server has no database of this name")),
    (asyncpg.TooManyConnectionsError, _("it has no room for more connections")),
    (OSError, _("nothing answers at its address")),
)


def describe_fault(error: BaseException) -> str:
    """What `error` means, as a msgid; the database's own words where it is none of these."""
    known = (text for kind, text in _MEANINGS if isinstance(error, kind))
    return next(known, str(error))
