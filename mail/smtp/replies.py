"""What a mail server said, and the errors that are made of it.

`mail.delivery.outcomes` says what is done about them.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from msgspec import Struct

#: An enhanced code as servers write it: at the start, with or without "#", or anywhere with it.
_ENHANCED: Final = re.compile(r"(?:^[\s(]*#?|#)([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![.0-9])")
_LONGEST_TEXT: Final = 500
_ADDRESS: Final = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")


class Phase(StrEnum):
    """How far a mail had come, in order. From CONTENT on the server may have taken it."""

    CONNECT = "connect"
    GREETING = "greeting"
    HELLO = "hello"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"


class SendError(Exception):
    """A mail was not taken, or nobody knows.

    `phase`: where it stopped. `code`: the reply's, None where no reply came (cut, hang).
    `enhanced`: the status code of RFC 3463 in the reply, if any. `text`: for the record.
    """

    def __init__(
        self, phase: Phase, text: str, code: int | None = None, enhanced: str | None = None
    ) -> None:
        super().__init__(f"{phase}: {text}")
        self.phase = phase
        self.text = text
        self.code = code
        self.enhanced = enhanced

    def saying(self, text: str) -> "SendError":
        """The same with other words."""
        return SendError(self.phase, text, self.code, self.enhanced)

    @property
    def words(self) -> str:
        """What was said without addresses: whom it was for is no business of a log."""
        return _ADDRESS.sub("<address>", self.text)

    @property
    def farewell(self) -> bool:
        """The server has left the connection: without a word, or with 421 (RFC 5321, 3.8)."""
        return self.code in (None, 421)


class Reply(Struct, frozen=True):
    """What the server said: three digits and the text of all lines."""

    code: int
    lines: list[str]

    def error(self, phase: Phase) -> SendError:
        """The reply as a refusal in `phase`."""
        found = next(filter(None, map(_ENHANCED.search, self.lines)), None)
        text = f"{self.code} {' '.join(self.lines)}"[:_LONGEST_TEXT]
        return SendError(phase, text, self.code, found.group(1) if found else None)


def lost(error: OSError) -> str:
    """Why no reply came, in words."""
    if isinstance(error, TimeoutError):
        return "no reply in time"
    return str(error)[:_LONGEST_TEXT] or type(error).__name__


@contextmanager
def unsaid(*secrets: str) -> Iterator[None]:
    """Some servers repeat a command that they refuse; `secrets` must not get into the record."""
    try:
        yield
    except SendError as error:
        text = error.text
        for secret in filter(None, secrets):
            text = text.replace(secret, "***")
        raise error.saying(text) from None
