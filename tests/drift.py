"""`python -m tests.drift`: the Piccolo tables say what the migrations build, and nothing else.

Compares tables, columns, types, nullability, defaults and primary keys in both directions, prints
what differs and exits 1 if anything does.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import asyncpg
from msgspec import Struct
from piccolo.columns import Array, Column
from piccolo.conf.apps import Finder
from piccolo.table import Table

from tests.support.databases import cluster, migrated

#: Piccolo's own record of what ran.
FOREIGN: Final = frozenset({"migration"})

COLUMNS: Final = """
SELECT c.table_name, c.column_name, c.is_nullable = 'YES' AS nullable,
       c.column_default IS NOT NULL AS has_default,
       format_type(a.atttypid, a.atttypmod) AS type
FROM information_schema.columns c
JOIN pg_attribute a ON a.attrelid = c.table_name::regclass AND a.attname = c.column_name
JOIN pg_class t ON t.oid = a.attrelid AND t.relkind IN ('r', 'p')
WHERE c.table_schema = 'public'
"""

KEYS: Final = """
SELECT conrelid::regclass::text AS table_name,
       array_agg(a.attname::text ORDER BY place) AS columns
FROM pg_constraint
CROSS JOIN LATERAL unnest(conkey) WITH ORDINALITY AS part(number, place)
JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = part.number
WHERE contype = 'p' AND connamespace = 'public'::regnamespace
GROUP BY conrelid
"""

#: Piccolo's words for what PostgreSQL calls otherwise.
SPELLINGS: Final = {
    "timestamptz": "timestamp with time zone",
    "varchar": "character varying",
}


class Shape(Struct, frozen=True):
    """A column as either side describes it."""

    type: str
    nullable: bool
    has_default: bool


class Outline(Struct, frozen=True):
    """A table: its columns and its primary key, in order."""

    columns: dict[str, Shape]
    key: tuple[str, ...]


Schema: TypeAlias = dict[str, Outline]


def declared() -> Schema:
    """What the Piccolo tables of the three apps say."""
    tables = Finder().get_table_classes()
    return {table._meta.tablename: _outline(table) for table in tables}  # noqa: SLF001 - Piccolo's way


def _outline(table: type[Table]) -> Outline:
    columns = {column._meta.name: _shape(column) for column in table._meta.columns}  # noqa: SLF001
    key: tuple[str, ...] = table.key  # type: ignore[attr-defined]  # every table of ours has it
    return Outline(columns, tuple(key))


def _shape(column: Column) -> Shape:
    default = getattr(column, "default", None)
    return Shape(_type(column), column._meta.null, default is not None)  # noqa: SLF001


def _type(column: Column) -> str:
    if isinstance(column, Array):
        return _type(column.base_column) + "[]"
    name: str = column.column_type.lower().replace(", ", ",")
    return SPELLINGS.get(name, name)


async def built(dsn: str) -> Schema:
    """What the migrations made in the database at `dsn`."""
    connection = await asyncpg.connect(dsn)
    try:
        columns: dict[str, dict[str, Shape]] = {}
        for row in await connection.fetch(COLUMNS):
            shape = Shape(row["type"], row["nullable"], row["has_default"])
            columns.setdefault(row["table_name"], {})[row["column_name"]] = shape
        keys = {row["table_name"]: tuple(row["columns"]) for row in await connection.fetch(KEYS)}
    finally:
        await connection.close()
    return {
        name: Outline(of_table, keys.get(name, ()))
        for name, of_table in columns.items()
        if name not in FOREIGN
    }


def differences(tables: Schema, database: Schema) -> list[str]:
    """Every difference, in words."""
    return [
        *_only("table", tables, database),
        *(
            f"{name}: {difference}"
            for name in sorted(tables.keys() & database.keys())
            for difference in _between(tables[name], database[name])
        ),
    ]


def _only(what: str, tables: Mapping[str, object], database: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(tables.keys() - database.keys()):
        yield f"{what} {name}: only in Piccolo"
    for name in sorted(database.keys() - tables.keys()):
        yield f"{what} {name}: only in the database"


def _between(table: Outline, database: Outline) -> Iterator[str]:
    yield from _only("column", table.columns, database.columns)
    for name in sorted(table.columns.keys() & database.columns.keys()):
        said, made = table.columns[name], database.columns[name]
        if said != made:
            yield f"column {name}: Piccolo says {said}, the database {made}"
    if table.key != database.key:
        yield f"primary key: Piccolo says {table.key}, the database {database.key}"


def main() -> int:
    """Compare a freshly migrated database; the exit code."""
    with cluster() as dsn, migrated(dsn) as made:
        found = differences(declared(), asyncio.run(built(made.owner)))
    for difference in found:
        sys.stderr.write(f"{difference}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
