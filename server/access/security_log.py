"""The record of who came in, who did not, and what changed about that.

One line for each event: its name, the account's locator, people and tokens by their ids, and the
peer's network address; never an address, a password or a token. `runtime.logs` keeps the lines
apart from everything else.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from litestar.connection import ASGIConnection

from server.services import services
from sync.ids import locator

#: The name by which `server.runtime.logs` and operators tell these lines from others.
NAME: Final = "retour.security"
_LOG: Final = logging.getLogger(NAME)

#: What a line may say besides its event, see `server.runtime.logs`.
FIELDS: Final = ("account", "by", "user", "users", "token", "device", "peer", "expires_at")

#: What somebody achieved who was let in.
SecurityEvent: TypeAlias = Literal[
    "signed_in",
    "signed_out",
    "password_changed",
    "user_shut_out",
    "account_created",
    "token_made",
    "token_first_used",
    "token_expires_soon",
    "token_revoked",
    "code_issued",
    "device_enrolled",
    "device_revoked",
]
#: What a stranger can cause as often as the throttle lets him.
Refusal: TypeAlias = Literal[
    "sign_in_refused", "sign_in_throttled", "code_refused", "token_expired"
]

#: In place of a network address, for what was typed at the terminal.
TERMINAL: Final = "terminal"


def peer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The network address that an event is noted with."""
    peers = services(connection).peers
    return peers.named(connection)


def note(event: SecurityEvent, account: int, peer: str, **ids: object) -> None:
    """Record what was done. `ids`: some of `FIELDS`; those that are None are left out."""
    _LOG.info(event, extra={"account": locator(account), **_told(ids), "peer": peer})


def note_refusal(
    event: Refusal, peer: str, people: Iterable[tuple[int, UUID]] | None = None, **ids: object
) -> None:
    """Record what was refused. `people`: accounts and ids of whom it was aimed at, if at any."""
    aimed = {}
    if people is not None:
        aimed["users"] = [f"{locator(account)}/{user}" for account, user in people]
    _LOG.warning(event, extra={**_told(ids), **aimed, "peer": peer})


def _told(ids: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in ids.items() if value is not None}
