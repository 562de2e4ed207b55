"""What is wrong with an uploaded image; the server maps it to an HTTP status."""

from enum import StrEnum
from typing import Final

from sync.errors import SyncError


class Flaw(StrEnum):
    """Why a file is not kept as an image; `mail.wording.IMAGE_FLAWS` has the words."""

    NOT_AN_IMAGE = "not_an_image"
    TOO_LARGE = "too_large"
    BROKEN = "broken"
    MANY_PIXELS = "many_pixels"
    ANIMATED = "animated"
    NOT_UTF8 = "not_utf8"
    DOCUMENT_TYPE = "document_type"
    REFERS_OUTSIDE = "refers_outside"
    NOT_A_DRAWING = "not_a_drawing"
    TOO_COMPLEX = "too_complex"


#: Bytes of an image, as it was sent and as it is stored.
MOST_BYTES: Final = 1 << 16


class ImageError(SyncError):
    """A file is no image that can be kept (400)."""

    code = "bad_image"

    def __init__(self, flaw: Flaw) -> None:
        """`flaw`: the first that was found."""
        super().__init__(flaw.value)
        self.flaw = flaw
