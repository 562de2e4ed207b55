"""What URLs, cookies and forms say, as names with values."""

from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from server.http.problems import BadBodyError, Fault, TooLargeError, WrongFormError

URL_ENCODED: Final = "application/x-www-form-urlencoded"
#: Fields of a form: the longest of ours has a dozen.
MOST_FIELDS: Final = 1000


def read_pairs(encoded: bytes) -> list[tuple[str, str]]:
    """The pairs of a query or of an `application/x-www-form-urlencoded` body, in their order.

    :raises BadBodyError: not UTF-8, or U+0000 in it.
    """
    try:
        pairs = parse_qsl(encoded.decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise BadBodyError(Fault("", "malformed", "not UTF-8")) from None
    for pair in pairs:
        check_text(*pair)
    return pairs


def read_form(encoded: bytes) -> dict[str, str]:
    """The fields of a form; of several with one name the last.

    :raises TooLargeError: more than `MOST_FIELDS`.
    :raises BadBodyError: not UTF-8, or U+0000 in it.
    """
    if encoded.count(b"&") >= MOST_FIELDS:
        raise TooLargeError
    return dict(read_pairs(encoded))


def check_text(*texts: str) -> None:
    """:raises BadBodyError: U+0000, which no database keeps."""
    if any("\0" in text for text in texts):
        raise BadBodyError(Fault("", "bad_text", "U+0000 is not text"))


def check_form_type(content_type: str) -> None:
    """Let the form pass that our own pages send: no other has to be decoded by names from outside.

    :raises WrongFormError: not `URL_ENCODED`, or in another character set than UTF-8.
    """
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {one.removeprefix("charset=") for one in parameters if one.startswith("charset=")}
    if kind != URL_ENCODED or not {one.strip('"') for one in charsets} <= {"utf-8", "utf8"}:
        raise WrongFormError


def read_cookies(headers: Iterable[str]) -> dict[str, str]:
    """Cookies by name, of several with one name the last (RFC 6265, 5.4).

    Values are taken as they stand: ours hold nothing that would have to be unquoted.
    """
    pairs = (one.partition("=") for header in headers for one in header.split(";"))
    return {name.strip(): _bare(value.strip()) for name, _, value in pairs if name.strip()}


def _bare(value: str) -> str:
    """`value` without the quotation marks that may stand around it."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value
