"""Replies of mail servers, and the errors that are raised for them.

`mail.delivery.outcomes` decides what follows from an error.
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
    """How far a dialogue had come, in order. From CONTENT on the mail may have been accepted."""

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
    """A mail was not accepted, or it is not known.

    `phase`: in which it failed. `code`: of the reply, None without a reply (lost, timed out).
    `enhanced`: the status code of RFC 3463 in the reply, if any. `text`: reply or error.
    """

    def __init__(
        self, phase: Phase, text: str, code: int | None = None, enhanced: str | None = None
    ) -> None:
        super().__init__(f"{phase}: {text}")
        self.phase = phase
        self.text = text
        self.code = code
        self.enhanced = enhanced

    def with_text(self, text: str) -> "SendError":
        """The same error with another text."""
        return SendError(self.phase, text, self.code, self.enhanced)

    @property
    def words(self) -> str:
        """The text without addresses, for logs."""
        return _ADDRESS.sub("<address>", self.text)

    @property
    def is_closing(self) -> bool:
        """Whether the server has closed the connection: no reply, or 421 (RFC 5321, 3.8)."""
        return self.code in (None, 421)


class Reply(Struct, frozen=True):
    """A reply: three digits and the text of all lines."""

    code: int
    lines: list[str]

    def error(self, phase: Phase) -> SendError:
        """The reply as an error in `phase`."""
        found = next(filter(None, map(_ENHANCED.search, self.lines)), None)
        text = f"{self.code} {' '.join(self.lines)}"[:_LONGEST_TEXT]
        return SendError(phase, text, self.code, found.group(1) if found else None)


def failure_text(error: OSError) -> str:
    """Return why no reply came, in words."""
    if isinstance(error, TimeoutError):
        return "no reply in time"
    return str(error)[:_LONGEST_TEXT] or type(error).__name__


@contextmanager
def redacting(*secrets: str) -> Iterator[None]:
    """Mask `secrets` in errors: some servers repeat a command that they refuse."""
    try:
        yield
    except SendError as error:
        text = error.text
        for secret in filter(None, secrets):
            text = text.replace(secret, "***")
        raise error.with_text(text) from None
