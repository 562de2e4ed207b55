"""What URLs and forms say, as names with values."""

from urllib.parse import parse_qsl

from server.errors import BadBodyError, Fault


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


def check_text(*texts: str) -> None:
    """:raises BadBodyError: U+0000, which no database keeps."""
    if any("\0" in text for text in texts):
        raise BadBodyError(Fault("", "bad_text", "U+0000 is not text"))
