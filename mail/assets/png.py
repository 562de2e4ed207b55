"""PNG images: decoded, and encoded anew from nothing but their pixels."""

import io
import struct
from typing import Final

from PIL import Image, PngImagePlugin

from mail.assets.flaws import Flaw, ImageError

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
#: Pixels of a side.
MOST_PIXELS: Final = 512
#: Signature, length and type of the first chunk, width and height (ISO/IEC 15948, 5.2 and 11.2.2).
_HEAD: Final = struct.Struct(">8sI4sII")
#: Modes that are kept; an image of another one becomes RGBA.
_KEPT_MODES: Final = frozenset({"L", "LA", "P", "RGB", "RGBA"})


def clean_png(raw: bytes) -> bytes:
    """Return the picture of `raw` as a new PNG without metadata, and without what follows its end.

    :raises ImageError: it has too many pixels, is animated, cut short or otherwise broken.
    """
    _check_size(raw)
    try:
        with Image.open(io.BytesIO(raw), formats=["PNG"]) as image:
            if getattr(image, "is_animated", False):
                raise ImageError(Flaw.ANIMATED)
            image.load()
            return _encoded(image)
    except (OSError, SyntaxError, ValueError, struct.error):  # what Pillow raises for broken files
        raise ImageError(Flaw.BROKEN) from None


def _check_size(raw: bytes) -> None:
    """Check what the head says, before anything is decompressed."""
    if len(raw) < _HEAD.size:
        raise ImageError(Flaw.BROKEN)
    signature, _, kind, width, height = _HEAD.unpack_from(raw)
    if signature != SIGNATURE or kind != b"IHDR":
        raise ImageError(Flaw.BROKEN)
    if width > MOST_PIXELS or height > MOST_PIXELS:
        raise ImageError(Flaw.MANY_PIXELS)


def _encoded(image: Image.Image) -> bytes:
    drawn = image if image.mode in _KEPT_MODES else image.convert("RGBA")
    # Of `info` Pillow would write more than the pixels need, such as a colour profile.
    drawn.info = {name: drawn.info[name] for name in ("transparency",) if name in drawn.info}
    written = io.BytesIO()
    drawn.save(written, "PNG", optimize=True, pnginfo=PngImagePlugin.PngInfo())
    return written.getvalue()
