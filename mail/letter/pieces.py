"""Text with holes, its constant parts as they travel: in quoted-printable (RFC 2045, 6.7).

A hole may be cut anywhere because a soft line break may stand anywhere: each part is encoded for
itself and the parts are joined by soft breaks. So a recipient costs a few short encodings only.

What the campaign says is kept out of the compiler of the layout by the same marks, and put in
behind it: mrml writes attributes as Rust's debug form has them (a no-break space becomes
`\\u{a0}`), and numeric references before it would not survive either (`&#133;` is "…" in HTML).
"""

import binascii
import re
import secrets
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

_SOFT_BREAK: Final = b"=\r\n"


class Slots:
    """Marks for the holes of one template; what a campaign's text says cannot look like one.

    Marks are ASCII letters and digits, which every compiler and every escaping leaves alone.
    """

    def __init__(self) -> None:
        self._nonce = f"slot{secrets.token_hex(12)}"
        self._kept: list[str] = []

    def mark(self, name: str) -> str:
        """What to write where the hole `name` (lower-case letters) shall be."""
        return f"{self._nonce}{name}end"

    def keep(self, text: str) -> str:
        """What to write where `text` shall stand in the end, untouched by what comes between."""
        self._kept.append(text)
        return f"{self._nonce}{len(self._kept) - 1}end"

    def cut(self, text: str) -> "Pieces":
        """`text` with what was kept, as it travels, with holes for the marks."""
        whole = re.sub(f"{self._nonce}([0-9]+)end", self._back, text)
        parts = re.split(f"{self._nonce}([a-z]+?)end", whole)
        return Pieces(tuple(stuffed(quoted(part)) for part in parts[::2]), tuple(parts[1::2]))

    def _back(self, found: re.Match[str]) -> str:
        return self._kept[int(found[1])]


class Pieces(Struct, frozen=True):
    """`constants` with a hole between each two, named in `holes`."""

    constants: tuple[bytes, ...]
    holes: tuple[str, ...]

    def filled(self, values: Mapping[str, bytes]) -> bytes:
        """The text as it travels, as `values` are already."""
        parts = [self.constants[0]]
        for hole, constant in zip(self.holes, self.constants[1:], strict=True):
            parts += (values[hole], constant)
        return b"".join(parts)


def quoted(text: str) -> bytes:
    """`text` in quoted-printable, ending in a soft break so that more may follow."""
    if not text:
        return b""
    # The sign at the end keeps room for the break in the last line, and is cut off again.
    octets = text.replace("\r\n", "\n").encode() + b"="
    encoded = binascii.b2a_qp(octets, istext=True).replace(b"\n", b"\r\n").removesuffix(b"=3D")
    return encoded if encoded.endswith(b"\r\n") else encoded + _SOFT_BREAK


def stuffed(octets: bytes) -> bytes:
    """`octets` as SMTP carries them, dots at the start of lines doubled (RFC 5321, 4.5.2).

    They are the start of a mail, or of a line.
    """
    head = b"." if octets.startswith(b".") else b""
    return head + octets.replace(b"\r\n.", b"\r\n..")
