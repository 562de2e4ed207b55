"""Suppressions as CSV: files of other systems come in, and the list goes out."""

import asyncio
import csv
import io
import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from mail import contacts
from mail.consent.suppressions import REASONS, Suppressed, judge, suppress
from mail.contacts import EMPTY, Suppression
from mail.recall import lock_claims
from rules.address import normal_form
from sync.database import Tx
from sync.errors import FieldError, TooManyError

#: Lines of one file.
MOST_LINES: Final = 10_000
#: Characters of a cell that the answer repeats.
LONGEST_SHOWN: Final = 100
#: What spreadsheets take for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
#: The apostrophe that an export puts before it.
_EXPORTED: Final = re.compile(r"\A'(?=[=+\-@])")
_COLUMNS: Final = ("address", "reason", "source", "since")
_ADDRESS_NAMES: Final = frozenset({"address", "adresse", "email", "e-mail", "courriel"})
_REASON_NAMES: Final = frozenset({"reason", "raison", "motif"})

Result: TypeAlias = Literal["added", "present", "bad_address", "unknown_reason"]


class Line(Struct, frozen=True):
    """A line of a file, by its number from 1, with what becomes of it."""

    number: int
    address: str
    result: Result


class Entry(Struct, frozen=True):
    """A line of a file. `address`: its normal form; that and `why` are None where they are none."""

    number: int
    typed: str
    address: str | None
    why: Suppression | None


async def read_file(raw: bytes) -> list[Entry]:
    """Read a CSV file in a thread of its own: thousands of lines would keep everybody waiting.

    :raises FieldError: it cannot be read as CSV.
    :raises TooManyError: it has more than `MOST_LINES`.
    """
    return await asyncio.to_thread(_parse, raw)


async def import_entries(tx: Tx, entries: Sequence[Entry], *, dry_run: bool) -> list[Line]:
    """Suppress addresses, or with `dry_run` only say what would become of each."""
    wanted = [
        (entry.address, entry.why)
        for entry in entries
        if entry.address is not None and entry.why is not None
    ]
    await lock_claims(tx)
    known = await contacts.read(tx, {address for address, _ in wanted})
    outcomes = iter(judge(known, wanted))
    lines = []
    for entry in entries:
        result: Result
        if entry.address is None:
            result = "bad_address"
        else:
            result = "unknown_reason" if entry.why is None else next(outcomes)
        lines.append(Line(entry.number, entry.typed[:LONGEST_SHOWN], result))
    if not dry_run:
        firm_first = sorted(wanted, key=lambda entry: entry[1] in EMPTY)
        await suppress(tx, dict(reversed(firm_first)), "import")
    return lines


def export_lines(suppressions: Iterable[Suppressed]) -> str:
    """Return lines of CSV; erased addresses, which nobody could read, are left out.

    What a spreadsheet would compute gets an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    for item in suppressions:
        if item.address is not None:
            since = item.since.isoformat(timespec="seconds")
            safe = f"'{item.address}" if item.address.startswith(_FORMULA) else item.address
            writer.writerow([safe, item.reason, item.source, since])
    return out.getvalue()


def export_head() -> str:
    """Return the first line of an export, with a mark by which spreadsheets know UTF-8."""
    return "\ufeff" + ";".join(_COLUMNS) + "\r\n"


def _parse(raw: bytes) -> list[Entry]:
    """Return an entry for each line that is not blank, without a line of names.

    UTF-8, else Windows-1252. Without names the first cell is the address, the second the reason.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    separated = next((line for line in text.splitlines() if ";" in line or "," in line), "")
    separator = ";" if ";" in separated else ","
    try:
        lines = (
            (number, [cell.strip() for cell in row])
            for number, row in enumerate(csv.reader(io.StringIO(text), delimiter=separator), 1)
            if any(cell.strip() for cell in row)
        )
        rows = list(islice(lines, MOST_LINES + 2))  # a line of names, and one that is too many
    except csv.Error:
        raise FieldError("file", "cannot be read as CSV") from None
    names = [cell.lower() for cell in rows[0][1]] if rows else []
    at, why = _place(names, _ADDRESS_NAMES), _place(names, _REASON_NAMES)
    if at is None:
        at, why = 0, 1
    else:
        rows = rows[1:]
    if len(rows) > MOST_LINES:
        raise TooManyError(f"more than {MOST_LINES} lines")
    entries = []
    for number, row in rows:
        typed, reason = _EXPORTED.sub("", _cell(row, at)), _cell(row, why).lower()
        known = next((one for one in REASONS if one == (reason or "unsubscribed")), None)
        entries.append(Entry(number, typed, normal_form(typed), known))
    return entries


def _place(names: Sequence[str], known: frozenset[str]) -> int | None:
    return next((place for place, name in enumerate(names) if name in known), None)


def _cell(row: Sequence[str], place: int | None) -> str:
    return row[place] if place is not None and place < len(row) else ""
