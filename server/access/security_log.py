"""The security log: sign-ins, refusals, and changes to credentials.

One line per event: its name, the account's locator, users and tokens by their ids, and the peer's
network address; never an e-mail address, a password or a token. `server.runtime.logs` writes them
to a file of their own.
"""

import logging
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from litestar.connection import ASGIConnection

from server.services import services
from sync.ids import locator

#: The logger's name, by which `server.runtime.logs` and operators select these lines.
NAME: Final = "retour.security"
_LOG: Final = logging.getLogger(NAME)

#: Fields that a line may have besides its event, see `server.runtime.logs`.
FIELDS: Final = ("account", "by", "user", "users", "token", "device", "peer", "expires_at")

#: Events that need a valid credential.
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
#: Events that anybody can cause, as often as the throttle admits.
Refusal: TypeAlias = Literal[
    "sign_in_refused", "sign_in_throttled", "code_refused", "token_expired"
]

#: Stands for a network address in events of a command at the terminal.
TERMINAL: Final = "terminal"


def peer_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The client's network address, as events record it."""
    peers = services(connection).peers
    return peers.named(connection)


def note(event: SecurityEvent, account: int, peer: str, **ids: object) -> None:
    """Log an event. `ids`: some of `FIELDS`; those that are None are left out."""
    _LOG.info(event, extra={"account": locator(account), **_texts(ids), "peer": peer})


def note_refusal(
    event: Refusal, peer: str, people: Iterable[tuple[int, UUID]] | None = None, **ids: object
) -> None:
    """Log a refusal. `people`: accounts and ids of the users that the attempt may have meant."""
    targets = {}
    if people is not None:
        targets["users"] = [f"{locator(account)}/{user}" for account, user in people]
    _LOG.warning(event, extra={**_texts(ids), **targets, "peer": peer})


def _texts(ids: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in ids.items() if value is not None}
