"""Content that changes only with the program: compressed once, answered with an ETag."""

import gzip
import hashlib
from typing import Any, Final

import msgspec
import zstandard
from litestar import Request, Response

from server.http.negotiation import listed, preferred_encoding

#: Smaller contents grow when they are compressed.
LEAST_COMPRESSED: Final = 256
#: Hexadecimal digits of a hash that distinguish the versions of a content.
DIGEST: Final = 16
#: Caches may store it, and revalidate it at each request.
REVALIDATE: Final = "no-cache"


class Precompressed(msgspec.Struct, frozen=True):
    """A content by Content-Encoding ("" for plain), and the SHA-256 of the plain content."""

    kind: str
    digest: str
    encoded: dict[str, bytes]


def precompress(kind: str, content: bytes) -> Precompressed:
    """`content`, compressed at the highest levels."""
    encoded = {"": content}
    if len(content) >= LEAST_COMPRESSED:
        encoded["zstd"] = zstandard.ZstdCompressor(level=19).compress(content)
        encoded["gzip"] = gzip.compress(content, mtime=0)
    return Precompressed(kind, hashlib.sha256(content).hexdigest(), encoded)


def answer_precompressed(
    request: Request[Any, Any, Any], found: Precompressed, *, vary: str = "Accept-Encoding"
) -> Response[bytes]:
    """`found` in the client's preferred encoding, or 304 where the client has that already.

    `vary`: the headers by which `found` was chosen.
    """
    wished = preferred_encoding(listed(request.headers, "accept-encoding"))
    encoding = wished if wished in found.encoded else ""
    tag = f'"{found.digest[:DIGEST]}{encoding and "-" + encoding}"'
    headers = {"Cache-Control": REVALIDATE, "ETag": tag, "Vary": vary}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(found.encoded[encoding], media_type=found.kind, headers=headers)
