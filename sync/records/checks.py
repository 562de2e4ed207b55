"""Checks of the fields of records; each returns the value as it is stored."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from importlib.resources import files
from typing import Any, Final, TypeAlias

from msgspec import UNSET, Struct

from rules.address import normal_form
from sync.errors import AddressError, FieldError, ItemsError, TextError, TooManyError
from sync.records.shapes import MOST_RECORDS
from sync.validation import check_moment, is_line, is_nothing, is_visible

LONGEST_LINES: Final = 1000

#: The fields that were given, by name.
Draft: TypeAlias = dict[str, Any]
Check: TypeAlias = Callable[[str, Any], Any]


def line(field: str, text: str, *, longest: int) -> str:
    """Return `text` without surrounding blanks.

    :raises TextError: it is invisible, longer than `longest`, or not one line without controls.
    """
    trimmed = text.strip()
    if not is_visible(trimmed) or len(trimmed) > longest:
        raise TextError(field, f"must have 1 to {longest} characters, one of them visible")
    if not is_line(trimmed):
        raise TextError(field, "must be one line without control characters")
    return trimmed


name: Final[Check] = partial(line, longest=200)
word: Final[Check] = partial(line, longest=100)


def optional_line(field: str, text: str) -> str | None:
    """Return `text` as `line` does; None if it is blank.

    :raises TextError: as `line`.
    """
    return name(field, text) if text.strip() else None


def phone(field: str, text: str) -> str | None:
    """Return a phone number as typed; None for a blank, "-", "n/a" and the like.

    :raises TextError: as `line`.
    """
    return None if is_nothing(text) else name(field, text)


def several_lines(field: str, text: str) -> str:
    """Return the lines of `text` that are not blank, with single spaces, separated by U+000A.

    :raises TextError: it is invisible, has more than 1,000 characters, or control characters.
    """
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    joined = "\n".join(lines)
    if not is_visible(joined) or len(joined) > LONGEST_LINES:
        raise TextError(field, f"must have 1 to {LONGEST_LINES} characters, one of them visible")
    if not all(map(is_line, lines)):
        raise TextError(field, "must have no control characters but the ends of lines")
    return joined


def words(field: str, values: list[str]) -> list[str]:
    """Return the distinct words in their order.

    :raises TextError: as `line`.
    """
    return list(dict.fromkeys(word(field, value) for value in values))


def names(field: str, values: dict[str, str]) -> dict[str, str]:
    """Return translations by language.

    :raises TextError: as `line`.
    """
    return {word(field, language): name(field, text) for language, text in values.items()}


def flow(field: str, values: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return next states by state.

    :raises TextError: as `line`.
    """
    return {word(field, code): words(field, following) for code, following in values.items()}


def address(field: str, text: str) -> str | None:
    """Return an e-mail address as typed; None for a blank, "-", "n/a" and the like.

    :raises AddressError: it is not exactly one e-mail address.
    """
    trimmed = text.strip()
    if is_nothing(trimmed):
        return None
    normal_address(field, trimmed)
    return trimmed


def normal_address(field: str, text: str) -> str:
    """Return the normal form of an e-mail address.

    :raises AddressError: it is not exactly one e-mail address.
    """
    normal = normal_form(text)
    if normal is None:
        raise AddressError(field, "must be one e-mail address")
    return normal


@cache
def zones() -> frozenset[str]:
    """Return the names of IANA's time zones, without Factory, which is no place.

    They are read from tzdata, not from the machine's files, which have names that devices do not
    know, such as `localtime` and `posixrules`.
    """
    return frozenset(files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}


def zone(field: str, text: str) -> str:
    """Return the IANA name of a time zone.

    :raises FieldError: there is no such zone.
    """
    if text not in zones():
        raise FieldError(field, "must be the IANA name of a time zone")
    return text


def moment(field: str, value: datetime) -> datetime:
    """Return an aware moment whose year is in the range of `check_moment`.

    :raises FieldError: it is not.
    """
    try:
        check_moment(value)
    except ValueError as error:
        raise FieldError(field, str(error)) from None
    return value


def checked(put: Struct, checks: Mapping[str, Check]) -> Draft:
    """Return the fields of `put` that were given, as their checks return them.

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


def checked_all(puts: Sequence[Struct], checks: Mapping[str, Check]) -> list[Draft]:
    """Return the given fields of each of `puts`, after all of them were checked.

    :raises TooManyError: more than `MOST_RECORDS`.
    :raises FieldError: one of the records has an invalid field; with the number of the record.
    :raises ItemsError: several have one.
    """
    if len(puts) > MOST_RECORDS:
        raise TooManyError(f"at most {MOST_RECORDS} records at once")
    drafts: list[Draft] = []
    errors: list[FieldError] = []
    for item, put in enumerate(puts):
        try:
            drafts.append(checked(put, checks))
        except FieldError as error:
            errors.append(error.of(item, getattr(put, "external_id", None)))
    if errors:
        raise errors[0] if len(errors) == 1 else ItemsError(errors)
    return drafts
