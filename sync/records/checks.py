"""What a field of a record may hold. Values that pass come back as they are kept."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import UNSET, Struct

from rules.address import normal_form
from sync.errors import AddressError, FieldError, TextError
from sync.plain import check_moment, is_line, is_visible

#: The fields that were given, by name.
Draft: TypeAlias = dict[str, Any]
Check: TypeAlias = Callable[[str, Any], Any]


def line(field: str, text: str, *, longest: int) -> str:
    """`text` without blanks around it.

    :raises TextError: nothing to be seen, longer than `longest`, or more than one plain line.
    """
    trimmed = text.strip(" \t")
    if not is_visible(trimmed) or len(trimmed) > longest:
        raise TextError(field, f"must have 1 to {longest} characters, one of them visible")
    if not is_line(trimmed):
        raise TextError(field, "must be one line without control characters")
    return trimmed


name: Final[Check] = partial(line, longest=200)
word: Final[Check] = partial(line, longest=100)
long_line: Final[Check] = partial(line, longest=1000)


def optional_line(field: str, text: str) -> str | None:
    """`text` as a line, or None where it is blank.

    :raises TextError: as `line`.
    """
    return name(field, text) if text.strip(" \t") else None


def words(field: str, values: list[str]) -> list[str]:
    """Distinct words in their order.

    :raises TextError: as `line`.
    """
    return list(dict.fromkeys(word(field, value) for value in values))


def names(field: str, values: dict[str, str]) -> dict[str, str]:
    """Translations by language.

    :raises TextError: as `line`.
    """
    return {word(field, language): name(field, text) for language, text in values.items()}


def flow(field: str, values: dict[str, list[str]]) -> dict[str, list[str]]:
    """Next states by state.

    :raises TextError: as `line`.
    """
    return {word(field, code): words(field, following) for code, following in values.items()}


def address(field: str, text: str) -> str | None:
    """The address as typed, or None where it is blank.

    :raises AddressError: not exactly one e-mail address.
    """
    if not text.strip(" \t"):
        return None
    normal_address(field, text)
    return text.strip(" \t")


def normal_address(field: str, text: str) -> str:
    """The normal form of an address.

    :raises AddressError: not exactly one e-mail address.
    """
    normal = normal_form(text)
    if normal is None:
        raise AddressError(field, "must be one e-mail address")
    return normal


def zone(field: str, text: str) -> str:
    """The name of a time zone.

    :raises FieldError: unknown to IANA.
    """
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FieldError(field, "must be the IANA name of a time zone") from None
    return text


def moment(field: str, value: datetime) -> datetime:
    """An aware moment in a year that can be reckoned with.

    :raises FieldError: any other.
    """
    try:
        check_moment(value)
    except ValueError as error:
        raise FieldError(field, str(error)) from None
    return value


def checked(put: Struct, checks: Mapping[str, Check]) -> Draft:
    """The fields of `put` that were given, each as its check keeps it.

    :raises FieldError: from the checks.
    """
    draft: Draft = {}
    for field in put.__struct_fields__:
        value = getattr(put, field)
        if value is UNSET:
            continue
        check = checks.get(field)
        draft[field] = value if check is None or value is None else check(field, value)
    return draft
