"""Rows of two databases, compared one by one in the order of their keys."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg

from tests.drift import built
from tests.upgrade.expected import GONE_COLUMNS
from tests.upgrade.report import Compared
from tests.upgrade.translations import READINGS, Reading

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

Row: TypeAlias = tuple[Any, ...]

#: Rows that are fetched at once.
CHUNK: Final = 5000


async def compare_rows(
    before: str,
    after: str,
    names: Collection[str] | None = None,
    readings: Mapping[str, Reading] = READINGS,
) -> list[Compared]:
    """The tables `names` (None: all) of the database at `before` against those at `after`.

    `before`, `after`: the owner's addresses. `readings`: of tables that are not read as they are.
    """
    old, new = await built(before), await built(after)
    found = []
    for name, outline in sorted(old.items()):
        if names is not None and name not in names:
            continue
        reading = readings.get(name)
        if reading is None:
            kept = new[name].columns.keys() if name in new else set()
            gone = [one for one in outline.columns if one not in kept]
            missing = [one for one in gone if (name, one) not in GONE_COLUMNS]
            if missing:
                found.append(_gone(name, missing))
                continue
            columns = [one for one in outline.columns if one in kept]
            reading = _plain(name, columns, outline.key)
        found.append(await _compared(name, reading, before, after))
    return found


def _gone(name: str, columns: list[str]) -> Compared:
    return Compared(f"rows of {name}", different=1, told=[f"no more: {', '.join(columns)}"])


def _plain(name: str, columns: list[str], key: tuple[str, ...]) -> Reading:
    quoted = ", ".join(f'"{one}"' for one in columns)
    select = f'SELECT {quoted} FROM "{name}"'
    return Reading(key, select, select)


async def _compared(name: str, reading: Reading, before: str, after: str) -> Compared:
    compared = Compared(f"rows of {name}")
    async with AsyncExitStack() as opened:
        old = await opened.enter_async_context(_connected(before))
        new = await opened.enter_async_context(_connected(after))
        beside = [await opened.enter_async_context(_connected(dsn)) for dsn in (before, after)]
        olds, news = _hashes(old, reading.before, reading), _hashes(new, reading.after, reading)
        async for key, same in _merged(olds, news):
            if same or compared.full:
                compared.count(same=same)
            else:
                compared.note(await _told(beside, reading, key))
    return compared


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator["Connection"]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def _hashes(connection: "Connection", select: str, reading: Reading) -> AsyncIterator[Row]:
    """The key of each row, as texts, and a hash of the whole row, in the order of keys."""
    key = ", ".join(f'"{one}"::text COLLATE "C"' for one in reading.key)
    ordered = ", ".join(str(place) for place in range(1, len(reading.key) + 1))
    sql = f"SELECT {key}, md5(q::text) FROM ({select}) AS q ORDER BY {ordered}"
    async with connection.transaction():
        async for row in connection.cursor(sql, prefetch=CHUNK):
            yield tuple(row)


async def _merged(
    olds: AsyncIterator[Row], news: AsyncIterator[Row]
) -> AsyncIterator[tuple[Row, bool]]:
    """Each key of either side, and whether both have it with the same hash."""
    old, new = await anext(olds, None), await anext(news, None)
    while old or new:
        if new and (not old or new[:-1] < old[:-1]):
            yield new[:-1], False
            new = await anext(news, None)
        elif old and (not new or old[:-1] < new[:-1]):
            yield old[:-1], False
            old = await anext(olds, None)
        elif old:
            yield old[:-1], old == new
            old, new = await anext(olds, None), await anext(news, None)


async def _told(sides: Sequence["Connection"], reading: Reading, key: Row) -> str:
    """The columns in which the row of `key` differs."""
    old, new = sides
    was = await _row(old, reading.before, reading, key)
    comes = await _row(new, reading.after, reading, key)
    named = ", ".join(map(str, key))
    if was is None or comes is None:
        return f"{named}: {'only after' if was is None else 'only before'}"
    return f"{named}: " + "; ".join(
        f"{name} was {value!r}, is {comes[name]!r}"
        for name, value in was.items()
        if value != comes[name]
    )


async def _row(
    connection: "Connection", select: str, reading: Reading, key: Row
) -> asyncpg.Record | None:
    wanted = " AND ".join(
        f'"{name}"::text = ${place}' for place, name in enumerate(reading.key, start=1)
    )
    return await connection.fetchrow(f"SELECT * FROM ({select}) AS q WHERE {wanted}", *key)
