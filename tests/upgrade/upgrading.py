"""Two databases of one past: as the landed version left it, and as this version took it over."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg
import msgspec
from msgspec.structs import replace
from piccolo.apps.migrations.commands.forwards import run_forwards

from server.provisioning.roles import make_groups
from sync.database import DB, transaction
from sync.tables.schema import FENCES, execute_script
from tests.support.coroutines import apart
from tests.support.databases import drop, renamed
from tests.support.processes import until
from tests.upgrade.filling import fill
from tests.upgrade.living import Day, client, demo_day, north_day
from tests.upgrade.report import Compared
from tests.upgrade.rows import compare_rows
from tests.upgrade.seen import Both, compare_acts, compare_expected, compare_judged, compare_seen
from tests.upgrade.translations import READINGS_AFTERWARDS
from tests.upgrade.versions import LAST, ROOT, Place, api, everything
from tests.upgrade.watching import LockSeen, LockWatch, Migrated, migrations

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

#: What the demonstration's worker has left to do.
_BUSY: Final = """
SELECT (SELECT count(*) FROM task_change WHERE quarantined_at IS NULL)
  + (SELECT count(*) FROM rollup_change WHERE quarantined_at IS NULL)
  + (SELECT count(*) FROM outbox WHERE phase <> 'waiting' OR not_before < now())
"""
#: Tasks of an account, some of each kind: by state, by what became of their survey, and by what
#: was not accepted for them. Titles say which ones, for they are the same in every run. Those of a
#: kind follow each other, so that readers in turn see each kind.
_SAMPLE: Final = """
WITH kinds AS (
  SELECT t.id, md5(t.title || coalesce(t.external_id, '')) AS chance,
    (t.state, t.technician IS NULL, i.status, i.address IS NULL, o.resent, a.rating, a.not_me,
    EXISTS (SELECT FROM verdict v WHERE v.account = t.account AND v.task = t.id
      AND v.verdict <> 'accepted'),
    EXISTS (SELECT FROM transition n WHERE n.account = t.account AND n.task = t.id
      AND n.by IS NOT NULL))::text AS kind
  FROM task t
  LEFT JOIN invitation i ON i.account = t.account AND i.task = t.id
  LEFT JOIN outbox o ON o.account = t.account AND o.invitation = i.id
  LEFT JOIN answer a ON a.account = t.account AND a.invitation = i.id
  WHERE t.account = $1
), turns AS (
  SELECT id, kind, chance, row_number() OVER (PARTITION BY kind ORDER BY chance, id) AS turn
  FROM kinds
), chosen AS (
  SELECT * FROM turns ORDER BY turn, chance, id LIMIT $2
)
SELECT id::text FROM chosen ORDER BY kind, turn
"""
#: Invitations whose links are opened, some of each status.
_LINKS: Final = """
SELECT i.id::text FROM invitation i JOIN task t ON (t.account, t.id) = (i.account, i.task)
WHERE i.account = $1 AND i.status IN ('sent', 'uncertain', 'claimed', 'failed')
ORDER BY row_number() OVER (PARTITION BY i.status ORDER BY md5(t.title)), i.status LIMIT $2
"""


#: What acts write without ids of the server's own, which differ.
_WRITTEN: Final = frozenset({"verdict", "transition", "task", "feed", "feed_head", "task_change"})
#: Pages say how long ago things were.
_FREEZE: Final = """
CREATE OR REPLACE FUNCTION retour_now() RETURNS timestamptz LANGUAGE sql STABLE AS
  $$ SELECT timestamptz '{now}' $$
"""


class Size(msgspec.Struct, frozen=True):
    """How much there is: transitions of the filled account, tasks and pages that are looked at.

    `sample`: tasks of an account whose pages are opened. `pages`: of each list, at most. `links`:
    invitations whose links are opened; more would be told to come later.
    """

    transitions: int
    sample: int
    pages: int
    links: int = 30


class Past(msgspec.Struct, frozen=True):
    """What happened before. `days`: with the tasks whose pages are opened; none without a process.

    `now`: when it ended, as SQL's text.
    """

    days: list[tuple[Day, list[str]]]
    now: str


class Pair(msgspec.Struct, frozen=True):
    """Both databases (owners' addresses), what taking over cost, and the ports of the versions.

    `ports`: before and after, None where the landed version's code is not had.
    """

    before: str
    after: str
    seconds: float
    migrated: list[Migrated]
    held: list[LockSeen]
    past: Past
    ports: tuple[int, int] | None


async def value(dsn: str, sql: str, *args: object) -> object:
    """The first value of a statement, as the owner."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql, *args)
    finally:
        await connection.close()


async def texts(dsn: str, sql: str, *args: object) -> list[str]:
    """The first column of the rows of a statement, as the owner."""
    connection = await asyncpg.connect(dsn)
    try:
        return [row[0] for row in await connection.fetch(sql, *args)]
    finally:
        await connection.close()


async def command(dsn: str, *statements: str) -> None:
    """Run statements, one by one, as the owner."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _filled(dsn: str, transitions: int) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return await fill(connection, transitions, datetime.now(UTC))
    finally:
        await connection.close()


def live(place: Place, size: Size) -> Past:
    """Have the landed version make the demonstration, and live a day in it and in a filled one."""
    folder = place.logs / "demo"
    with everything(place, folder) as port, client(port) as line:
        demo = demo_day(line, folder)
        until(lambda: apart(value(place.database, _BUSY)) == 0, "the worker is done")
    [account] = apart(texts(place.database, "SELECT account::text FROM account"))
    north = apart(_filled(place.database, size.transitions))
    links = apart(texts(place.database, _LINKS, north, size.links))
    with api(place) as port, client(port) as line:
        day = north_day(line, north, links)
    return Past(
        [
            (demo, apart(texts(place.database, _SAMPLE, int(account), size.sample))),
            (day, apart(texts(place.database, _SAMPLE, north, size.sample))),
        ],
        datetime.now(UTC).isoformat(),
    )


async def _migrate_to(dsn: str) -> None:
    """Run this version's migrations as far as the landed version had them."""
    await DB.open(dsn, size=1, limit=None)
    try:
        async with transaction() as owner:
            await make_groups(owner)
            await execute_script(FENCES)
            for app, last in LAST.items():
                outcome = await run_forwards(app, last)
                assert outcome.success, outcome.message
    finally:
        await DB.close()


def rebuild(place: Place, transitions: int) -> Past:
    """The filled account alone, in the landed version's schema: its code is not to be had."""
    apart(_migrate_to(place.database))
    apart(_filled(place.database, transitions))
    return Past([], datetime.now(UTC).isoformat())


@contextmanager
def upgraded(dsn: str, code: Path | None, logs: Path, size: Size) -> Iterator[Pair]:
    """Make a past on the server at `dsn`, and have this version take over a copy of it.

    `code`: the landed version's, None where it is not to be had. `logs`: an empty folder.
    """
    made = secrets.token_hex(4)
    before, after = renamed(dsn, f"landed_{made}"), renamed(dsn, f"upgraded_{made}")
    old, new = Place(code or ROOT, before, logs), Place(ROOT, after, logs)
    with ExitStack() as opened:
        apart(command(dsn, f"CREATE DATABASE landed_{made}"))
        opened.callback(lambda: apart(drop(before)))
        past = rebuild(old, size.transitions) if code is None else live(old, size)
        apart(command(dsn, f"CREATE DATABASE upgraded_{made} TEMPLATE landed_{made}"))
        opened.callback(lambda: apart(drop(after)))
        with LockWatch(after) as watch:
            started = time.monotonic()
            later = opened.enter_context(api(new))
            seconds = time.monotonic() - started
        ports = None if code is None else (opened.enter_context(api(old)), later)
        for database in (before, after):
            apart(command(database, _FREEZE.format(now=past.now)))
        migrated = [one for log in logs.glob("api-*.log") for one in migrations(log)]
        yield Pair(before, after, seconds, migrated, watch.held(), past, ports)


def compare(pair: Pair, size: Size) -> list[Compared]:
    """Everything that both hold and show, and what comes of what is done next.

    Rows first: whoever reads a page may write one.
    """
    found = asyncio.run(compare_rows(pair.before, pair.after))
    if pair.ports is None:
        return found
    with client(pair.ports[0]) as before, client(pair.ports[1]) as after:
        both = Both(before, after)
        for day, tasks in pair.past.days:
            found += compare_seen(both, day, tasks, size.pages)
        found += [compare_acts(both, day) for day, _ in pair.past.days]
        later = asyncio.run(compare_rows(pair.before, pair.after, _WRITTEN, READINGS_AFTERWARDS))
        found += [replace(one, what=f"{one.what}, afterwards") for one in later]
        found += [compare_judged(both, day) for day, _ in pair.past.days]
        found.append(compare_expected(both))
    return found
