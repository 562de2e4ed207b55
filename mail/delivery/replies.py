"""What a mail server said, and the errors that are made of it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from mail.delivery.errors import Phase, SendError

#: An enhanced code as servers write it: at the start, with or without "#", or anywhere with it.
_ENHANCED: Final = re.compile(r"(?:^[\s(]*#?|#)([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![.0-9])")
_LONGEST_TEXT: Final = 500


class Reply(Struct, frozen=True):
    """What the server said: three digits and the text of all lines."""

    code: int
    lines: list[str]

    def error(self, phase: Phase) -> SendError:
        """This reply as a refusal in `phase`."""
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
