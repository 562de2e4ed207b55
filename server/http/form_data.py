"""Decodes queries and forms into names and values."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from server.http.problems import BadBodyError, Fault, TooLargeError, WrongFormError

URL_ENCODED: Final = "application/x-www-form-urlencoded"
#: Fields of a form; the longest of the pages has a dozen.
MOST_FIELDS: Final = 1000
#: Bytes of a form that says one word.
BRIEF: Final = 64
#: Digits that the length of no such form has.
MOST_DIGITS: Final = 4
#: Digits that no number of a round or version has.
LONG_NUMBER: Final = 10


def read_number(text: str) -> int:
    """The number in a hidden field; 0, which none has, where somebody wrote something else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < LONG_NUMBER else 0


def read_pairs(encoded: bytes) -> list[tuple[str, str]]:
    """The pairs of a query or of an `application/x-www-form-urlencoded` body, in their order.

    :raises BadBodyError: not UTF-8, or with U+0000.
    """
    try:
        pairs = parse_qsl(encoded.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise BadBodyError(Fault("", "malformed", "not UTF-8")) from None
    if any("\0" in name or "\0" in value for name, value in pairs):  # PostgreSQL cannot store it
        raise BadBodyError(Fault("", "bad_text", "U+0000 is not text"))
    return pairs


def read_form(encoded: bytes) -> dict[str, str]:
    """The fields of a form; of several with the same name, the last.

    :raises TooLargeError: more than `MOST_FIELDS`.
    :raises BadBodyError: not UTF-8, or with U+0000.
    """
    if encoded.count(b"&") >= MOST_FIELDS:
        raise TooLargeError
    return dict(read_pairs(encoded))


def is_brief_form(headers: Mapping[str, str]) -> bool:
    """Whether a body is announced as a form of at most `BRIEF` bytes, as it is."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    length = headers.get("content-length", "")
    is_brief = length.isascii() and length.isdecimal() and len(length) < MOST_DIGITS
    return (
        kind == URL_ENCODED
        and is_brief
        and int(length) <= BRIEF
        and "content-encoding" not in headers
    )


def check_form_type(content_type: str) -> None:
    """Accept only the content type of forms on our own pages.

    So no character set that a client names is ever looked up.

    :raises WrongFormError: not `URL_ENCODED`, or in a character set other than UTF-8.
    """
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {
        part.removeprefix("charset=").strip('"')
        for part in parameters
        if part.startswith("charset=")
    }
    if kind != URL_ENCODED or not charsets <= {"utf-8", "utf8"}:
        raise WrongFormError
