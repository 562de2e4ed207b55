"""What can go wrong with a mail; `mail.delivery.outcomes` says what is done about it."""

import re
from enum import StrEnum
from typing import Final


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


_ADDRESS: Final = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")


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
