"""Objects that handlers use besides the request and the database, made once per API process."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mail.worker.jobs import Ring
from server.access.client_address import AnyConnection, Peers
from server.http.long_reads import LongReads
from server.runtime.mailbox import Mailbox
from server.settings import Settings

if TYPE_CHECKING:
    from server.live.poller import Live


@dataclass
class Services:
    """`ring`: to be called after a commit. `mailbox`: of `retour up` only.

    `decoding`: locked while a large body is decoded. `long_reads`: reads that take seconds.
    """

    settings: Settings
    ring: Ring
    live: "Live"
    peers: Peers
    mailbox: Mailbox | None = None
    decoding: asyncio.Lock = field(default_factory=asyncio.Lock)
    long_reads: LongReads = field(default_factory=LongReads)


def services(connection: AnyConnection) -> Services:
    """The services of the application that handles `connection`."""
    found: Services = connection.app.state.services
    return found
