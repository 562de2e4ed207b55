"""What many ask for and what changes only with the program: made once, compressed once."""

import gzip
import hashlib
from typing import Any, Final

import msgspec
import zstandard
from litestar import Request, Response

from server.http.middleware.compress import accepted
from server.http.quality import listed

#: Smaller contents grow when they are compressed.
LEAST_COMPRESSED: Final = 256
#: Hexadecimal digits of a hash that tell versions of a content apart.
DIGEST: Final = 16
#: Whoever keeps it asks each time whether it still holds.
REVALIDATE: Final = "no-cache"


class Precompressed(msgspec.Struct, frozen=True):
    """A content, plain and by Content-Encoding, and the SHA-256 of the plain one."""

    kind: str
    digest: str
    encoded: dict[str, bytes]


def precompress(kind: str, content: bytes) -> Precompressed:
    """`content`, compressed as well as can be."""
    encoded = {"": content}
    if len(content) >= LEAST_COMPRESSED:
        encoded["zstd"] = zstandard.ZstdCompressor(level=19).compress(content)
        encoded["gzip"] = gzip.compress(content, mtime=0)
    return Precompressed(kind, hashlib.sha256(content).hexdigest(), encoded)


def answer_precompressed(
    request: Request[Any, Any, Any], found: Precompressed, *, vary: str = "Accept-Encoding"
) -> Response[bytes]:
    """`found` in the encoding that the client likes best, or 304 where it has that already.

    `vary`: the headers that decided what `found` is.
    """
    wished = accepted(listed(request.headers, "accept-encoding"))
    encoding = wished if wished in found.encoded else ""
    tag = f'"{found.digest[:DIGEST]}{encoding and "-" + encoding}"'
    headers = {"Cache-Control": REVALIDATE, "ETag": tag, "Vary": vary}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(found.encoded[encoding], media_type=found.kind, headers=headers)
