"""The headers of a survey mail, as the bytes that travel.

Put together here and not by messages of `email`, which would decode what looks like an encoded
word before they write it (a subject that says `=?utf-8?q?=0D=0A?=` would then start a header of its
own), and which take U+0085 and U+2028 for ends of lines.
"""

import re
from email.charset import QP, Charset
from functools import lru_cache
from itertools import repeat
from typing import Final

from rules.address import normal_form

#: Occurs in no quoted-printable text: after a "=" come two hexadecimal digits or a line's end.
BOUNDARY: Final = "=_retour"

#: What RFC 5322 would like a line to keep to.
_LINE: Final = 78
_PRINTABLE: Final = re.compile(r"[ -~]*")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_SPECIAL: Final = re.compile(r'(["\\])')
#: Of an encoded word: behind the longest name of a header it stays within a line.
_WORD: Final = 67
_ENCODING: Final = Charset("utf-8")
_ENCODING.header_encoding = QP
_BARE: Final = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")


def header_text(name: str, text: str) -> str:
    """`text` as the header `name` says it: in encoded words (RFC 2047), one a line, where it must.

    As it is where it fits and nobody takes it for such a word. No character is cut in two.
    """
    fits = len(name) + len(": ") + len(text) <= _LINE
    if fits and "=?" not in text and text == text.strip() and _PRINTABLE.fullmatch(text):
        return text
    return "\r\n ".join(filter(None, _ENCODING.header_encode_lines(text, repeat(_WORD))))


def mailbox(name: str, person: str, address: str) -> str:
    """One header line with a mailbox: `person` as text, which may be empty, `address` as typed."""
    where = sendable(address)
    if not person:
        return f"{name}: {where}\r\n"
    if (words := header_text(name, person)) != person:
        return f"{name}: {words}\r\n <{where}>\r\n"
    quoted = person if _ATOMS.fullmatch(person) else '"' + _SPECIAL.sub(r"\\\1", person) + '"'
    gap = " " if len(f"{name}: {quoted} <{where}>") <= _LINE else "\r\n "
    return f"{name}: {quoted}{gap}<{where}>\r\n"


@lru_cache(maxsize=256)
def sendable(address: str) -> str:
    """A sender's `address` with its domain in punycode; a bare host such as localhost is one.

    :raises ValueError: `address` is none, or could end a command.
    """
    normal = normal_form(address)
    if normal is not None:
        return f"{address.strip().partition('@')[0]}@{normal.rpartition('@')[2]}"
    if not _BARE.fullmatch(address):
        raise ValueError("not an address")
    return address
