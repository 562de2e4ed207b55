"""What can go wrong with a mail, told by phase: only the phase says whether it may have gone."""

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


#: Before these are passed nothing was said about a mail: the fault is the server's or ours.
_OF_CONNECTION: Final = frozenset(
    {Phase.CONNECT, Phase.GREETING, Phase.HELLO, Phase.TLS, Phase.AUTH}
)
#: Authentication is required, too weak, failed or needs encryption (RFC 4954).
_OF_LOGIN: Final = frozenset({530, 534, 535, 538})
#: Of the 5.1.x, those that speak of the sender's address (RFC 3463).
_OF_SENDER: Final = frozenset({"5.1.7", "5.1.8"})


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

    @property
    def permanent(self) -> bool:
        """The server will say the same to this mail the next time.

        A refused sender is another matter: somebody may put that right, and nobody is to blame.
        """
        return self.code is not None and self.code >= 500 and self.phase is not Phase.MAIL

    @property
    def uncertain(self) -> bool:
        """The content was on its way and no verdict came: it may have been delivered."""
        return self.phase is Phase.CONTENT and (self.code is None or self.code < 400)

    @property
    def of_server(self) -> bool:
        """No mail can be sent now, whoever it is for: keep them all and try later."""
        return self.phase in _OF_CONNECTION or self.code in _OF_LOGIN

    @property
    def farewell(self) -> bool:
        """The server has left the connection: without a word, or with 421 (RFC 5321, 3.8)."""
        return self.code in (None, 421)

    @property
    def of_recipient(self) -> bool:
        """The mailbox itself is refused for good (5.1.x): writing to it again is no use."""
        enhanced = self.enhanced or ""
        return self.permanent and enhanced.startswith("5.1.") and enhanced not in _OF_SENDER
