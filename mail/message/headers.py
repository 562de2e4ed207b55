"""The headers of a survey mail as they are sent.

They are not made by the package `email`: it decodes text that looks like an encoded word before
writing it (a subject `=?utf-8?q?=0D=0A?=` would then begin a header of its own), and it treats
U+0085 and U+2028 as ends of lines.
"""

import re
from email.charset import QP, Charset
from functools import lru_cache
from itertools import repeat
from typing import Final

from rules.address import normal_form

#: Occurs in no quoted-printable text: after a "=" come two hexadecimal digits or a line's end.
BOUNDARY: Final = "=_retour"

#: The length of a line that RFC 5322 recommends.
_LINE: Final = 78
_PRINTABLE: Final = re.compile(r"[ -~]*")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_SPECIAL: Final = re.compile(r'(["\\])')
#: Length of an encoded word: behind the longest name of a header it fits into a line.
_WORD: Final = 67
_ENCODING: Final = Charset("utf-8")
_ENCODING.header_encoding = QP
_BARE: Final = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")


def header_text(name: str, text: str) -> str:
    """Return `text` for the header `name`: encoded words (RFC 2047), one a line, if need be.

    Text that fits and does not look like an encoded word stays as it is. No character is split.
    """
    fits = len(name) + len(": ") + len(text) <= _LINE
    if fits and "=?" not in text and text == text.strip() and _PRINTABLE.fullmatch(text):
        return text
    return "\r\n ".join(filter(None, _ENCODING.header_encode_lines(text, repeat(_WORD))))


def mailbox(name: str, person: str, address: str) -> str:
    """Return a header line with a mailbox; `person` may be empty, `address` is as typed."""
    target = sendable(address)
    if not person:
        return f"{name}: {target}\r\n"
    if (words := header_text(name, person)) != person:
        return f"{name}: {words}\r\n <{target}>\r\n"
    quoted = person if _ATOMS.fullmatch(person) else '"' + _SPECIAL.sub(r"\\\1", person) + '"'
    gap = " " if len(f"{name}: {quoted} <{target}>") <= _LINE else "\r\n "
    return f"{name}: {quoted}{gap}<{target}>\r\n"


@lru_cache(maxsize=256)
def sendable(address: str) -> str:
    """Return a sender's `address` with its domain in punycode; bare hosts are allowed.

    :raises ValueError: it is no address, or could end an SMTP command.
    """
    normal = normal_form(address)
    if normal is not None:
        return f"{address.strip().partition('@')[0]}@{normal.rpartition('@')[2]}"
    if not _BARE.fullmatch(address):
        raise ValueError("not an address")
    return address
