"""What a field of a record may hold. Values that pass come back as they are kept."""

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
    """`text` without blanks around it.

    :raises TextError: nothing to be seen, longer than `longest`, or more than one plain line.
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
    """`text` as a line, or None where it is blank.

    :raises TextError: as `line`.
    """
    return name(field, text) if text.strip() else None


def phone(field: str, text: str) -> str | None:
    """A telephone number as typed, or None where it says that there is none.

    :raises TextError: as `line`.
    """
    return None if is_nothing(text) else name(field, text)


def several_lines(field: str, text: str) -> str:
    """`text` with its lines kept, however they were ended, without blanks around and none blank.

    :raises TextError: nothing to be seen, longer than 1,000 letters, or control characters.
    """
    kept = "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
    if not is_visible(kept) or len(kept) > LONGEST_LINES:
        raise TextError(field, f"must have 1 to {LONGEST_LINES} characters, one of them visible")
    if not all(map(is_line, kept.split("\n"))):
        raise TextError(field, "must have no control characters but the ends of lines")
    return kept


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
    """The address as typed, or None where it is blank or says that there is none ("-", "n/a").

    :raises AddressError: not exactly one e-mail address.
    """
    trimmed = text.strip()
    if is_nothing(trimmed):
        return None
    normal_address(field, trimmed)
    return trimmed


def normal_address(field: str, text: str) -> str:
    """The normal form of an address.

    :raises AddressError: not exactly one e-mail address.
    """
    normal = normal_form(text)
    if normal is None:
        raise AddressError(field, "must be one e-mail address")
    return normal


@cache
def zones() -> frozenset[str]:
    """The names in IANA's list, but for the one that stands for no place.

    Not what this machine has files for: `localtime` and `posixrules` are the machine's own, and a
    device does not know them.
    """
    return frozenset(files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}


def zone(field: str, text: str) -> str:
    """The name of a time zone, as IANA spells it.

    :raises FieldError: unknown to IANA.
    """
    if text not in zones():
        raise FieldError(field, "must be the IANA name of a time zone")
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


def checked_all(puts: Sequence[Struct], checks: Mapping[str, Check]) -> list[Draft]:
    """The fields of each of `puts`; whoever sends many is told of all that cannot be kept.

    :raises TooManyError: more than `MOST_RECORDS`.
    :raises FieldError: from the checks, with its item.
    :raises ItemsError: there are several.
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
