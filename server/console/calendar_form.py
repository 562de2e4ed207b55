"""The form of the calendar: what is typed in it, read into a calendar and back."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from mail.campaigns.calendar import WEEKDAYS, AccountCalendar, WeekHours, check_calendar
from mail.campaigns.holidays import Holiday

KINDS: Final = ("mail_hours", "working_hours")
#: Hours as people write them: 8-20, 8h30 - 17h, with any dash.
_SPAN: Final = re.compile(
    r"\s*(\d{1,2})\s*(?:[:hH]\s*(\d{2})?)?\s*[-–—]\s*(\d{1,2})\s*(?:[:hH]\s*(\d{2})?)?\s*"  # noqa: RUF001
)
_FORM: Final = (
    *(f"{kind}-{day}" for day in WEEKDAYS for kind in KINDS),
    "region",
    "not_observed",
    "closed",
)
_DAY: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\s+(\S.*)")


class TypedCalendar(Struct, frozen=True):
    """What stands in the form: `hours` by field and weekday, such as `mail_hours-monday`.

    `closed`: a line for each day. `not_observed`: keys of holidays. `wrong`: fields to correct.
    """

    hours: Mapping[str, str]
    region: str
    closed: str
    not_observed: frozenset[str]
    wrong: tuple[str, ...] = ()

    @property
    def shown_wrong(self) -> list[str]:
        """The fields to correct, each once, as the form has them."""
        return [field for field in _FORM if field in self.wrong]


def typed_of(calendar: AccountCalendar) -> TypedCalendar:
    """What the form shows of a `calendar`."""
    hours = {}
    for kind in KINDS:
        week: WeekHours = getattr(calendar, kind) or WeekHours()
        for name, spans in zip(WEEKDAYS, astuple(week), strict=True):
            hours[f"{kind}-{name}"] = ", ".join(spans)
    lines = [f"{day.date} {day.name}" for day in calendar.closed]
    return TypedCalendar(
        hours, calendar.region or "", "\n".join(lines), frozenset(calendar.not_observed)
    )


def read_typed(
    fields: Mapping[str, str], before: AccountCalendar, offered: Iterable[Holiday]
) -> TypedCalendar:
    """What was typed. `offered`: the holidays that the form had, each to be ticked.

    Holidays that it had not stay as they were `before`.
    """
    keys = {day.key for day in offered}
    unticked = {key for key in keys if fields.get(f"observed-{key}") != "yes"}
    names = [f"{kind}-{day}" for kind in KINDS for day in WEEKDAYS]
    return TypedCalendar(
        {name: fields.get(name, "").strip() for name in names},
        fields.get("region", ""),
        fields.get("closed", "").strip(),
        frozenset(set(before.not_observed) - keys | unticked),
    )


def calendar_of(typed: TypedCalendar, year: int) -> AccountCalendar | TypedCalendar:
    """The calendar that was typed, or the same with the fields that are `wrong`."""
    document, unread = _document(typed)
    try:
        calendar = msgspec.convert(document, AccountCalendar)
    except msgspec.ValidationError as error:
        paths = [str(error).partition("$.")[2]]
    else:
        paths = [error.field for error in check_calendar(calendar, year)]
        if not unread and not paths:
            return calendar
    # Hours that a week lacks may be among those that could not be read.
    found = [_field(path) for path in paths if not unread or path not in KINDS]
    return msgspec.structs.replace(typed, wrong=(*unread, *found))


def _document(typed: TypedCalendar) -> tuple[dict[str, Any], list[str]]:
    """What was typed as a document, and the fields that cannot be read.

    Without hours for mail on any day it may go at any hour.
    """
    read = {field: _spans(text) for field, text in typed.hours.items()}
    wrong = [field for field, spans in read.items() if spans is None]
    document: dict[str, Any] = {
        kind: {day: read[f"{kind}-{day}"] or [] for day in WEEKDAYS} for kind in KINDS
    }
    if not any(document["mail_hours"].values()):
        document["mail_hours"] = None
    lines = [line.strip() for line in typed.closed.splitlines() if line.strip()]
    found = [_DAY.fullmatch(line) for line in lines]
    document |= {
        "region": typed.region or None,
        "not_observed": sorted(typed.not_observed),
        "closed": [{"date": day[1], "name": day[2]} for day in found if day],
    }
    return document, wrong if all(found) else [*wrong, "closed"]


def _spans(text: str) -> list[str] | None:
    """The hours in `text` as a calendar has them; None where it says something else."""
    spans = []
    for part in filter(str.strip, re.split("[,;]", text)):
        found = _SPAN.fullmatch(part)
        if found is None:
            return None
        first, first_minute, last, last_minute = found.groups(default="00")
        spans.append(f"{first:0>2}:{first_minute}-{last:0>2}:{last_minute}")
    return spans


def _field(path: str) -> str:
    """The field of the form for a field of the calendar, such as `mail_hours.monday[0]`."""
    kind, _, rest = path.partition(".")
    if kind not in KINDS:
        return re.split(r"\W", kind)[0]
    return f"{kind}-{re.split(r'[^a-z]', rest)[0] or WEEKDAYS[0]}"
