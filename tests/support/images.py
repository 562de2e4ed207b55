"""Images for tests: a drawing, and PNGs made chunk by chunk."""

import struct
import zlib
from typing import Final
from uuid import UUID

from sync.database import Tx

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
SVG: Final = 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24"'
CIRCLE: Final = f'<svg {SVG}><circle cx="12" cy="12" r="10" fill="#c00"/></svg>'.encode()


def drawing(content: str, before: str = "") -> bytes:
    """An SVG with a circle and `content`, behind what stands `before` its root."""
    return f'{before}<svg {SVG}><circle cx="12" cy="12" r="10"/>{content}</svg>'.encode()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG, with its length and checksum."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    *extra: bytes, width: int = 8, height: int = 8, rows: bytes | None = None, end: bytes = b""
) -> bytes:
    """A red PNG of RGBA, with `extra` chunks before its pixels and `end` behind its last chunk.

    `rows`: uncompressed pixels, each row after its filter; by default those of a whole picture.
    """
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    if rows is None:
        rows = (b"\0" + b"\xc0\0\0\xff" * width) * height
    pixels = zlib.compress(rows, 9)
    parts = (chunk(b"IHDR", head), *extra, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return SIGNATURE + b"".join(parts) + end


async def plant(tx: Tx, key: UUID, file: bytes, mime: str) -> None:
    """Put an image into the database as it is, under an id of the test's own."""
    await tx.execute(
        "INSERT INTO asset (account, id, sha256, mime, bytes, name, created_at)"
        " VALUES ($1, $2, sha256($3), $4, $3, 'x', $5)",
        tx.account,
        key,
        file,
        mime,
        tx.now,
    )
