"""Growth: what a row costs in a small database, and in a large one of the same cluster.

Called directly and one at a time: HTTP would hide a part of what grows, waiting for each other
another.
"""

import itertools
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple, TypeAlias

import asyncpg

from mail.config import MailConfig
from mail.delivery.claim import claim
from mail.smtp.address import parse_server
from server.console.task_list import Filters, read_list
from server.provisioning.provision import provision
from server.settings import load
from sync.database import DB, run
from sync.feed.cursor import Cursor
from sync.feed.pull import read_stretch
from sync.ids import new_id
from sync.intake import push
from sync.messages import Item, Push
from tests.bench.acreage import Party, lay_acreage, parties
from tests.bench.measuring import Line, Work, in_turns
from tests.support.databases import SECRET, renamed

#: How many of those that are due a claim takes.
CLAIM: Final = 80
BATCH: Final = 100
PAGE: Final = 1000
#: Changes that a device did not read yet where it only catches up.
BEHIND: Final = 20
#: Technicians that push and pull, by turns.
PARTIES: Final = 300
#: How often before a round is measured: statements are prepared and their plans settled.
WARM: Final = 7

#: Something done once, and how many rows it did.
One: TypeAlias = Callable[[], Awaitable[int]]


class Size(NamedTuple):
    """Accounts, technicians of each, tasks of each of those; invitations of an account."""

    accounts: int
    crews: int
    tasks: int
    due: int


#: What grows, and from which size to which. The technicians' own load stays as it is.
TASKS: Final = ("tasks 10^4 -> 10^6", Size(1, 10, 1000, 10_000), Size(1, 1000, 1000, 10_000))
ACCOUNTS: Final = ("accounts 1 -> 1,000", Size(1, 100, 100, 10_000), Size(1000, 1, 100, 100))


class Field(NamedTuple):
    """A database: the running roles' addresses, an account's tasks, and who works in it."""

    api: str
    worker: str
    tasks: int
    parties: list[Party]


async def lay_field(owner_dsn: str, name: str, size: Size) -> Field:
    """A new database `name` of the cluster with a ground of `size`."""
    owner = await asyncpg.connect(owner_dsn)
    await owner.execute(f'CREATE DATABASE "{name}"')
    await owner.close()
    dsn = renamed(owner_dsn, name)
    await DB.close()  # migrating opens a pool of its own in this loop
    api, worker = await provision(load({}, database_url=dsn, secret=SECRET, testing=True))
    owner = await asyncpg.connect(dsn)
    await lay_acreage(owner, *size)
    found = await parties(owner, PARTIES, BEHIND)
    await owner.close()
    return Field(api, worker, size.crews * size.tasks, found)


def page(field: Field) -> One:
    """A first page."""

    async def one() -> int:
        party = random.choice(field.parties)
        return await _read(party, None)

    return one


def catch_up(field: Field) -> One:
    """What a device pulls that was away for a little."""

    async def one() -> int:
        party = random.choice(field.parties)
        return await _read(party, Cursor(1, party.seen))

    return one


async def _read(party: Party, after: Cursor | None) -> int:
    read = partial(read_stretch, device=party.device, after=after, most=PAGE)
    stretch = await run(party.device.account, read)
    assert stretch is not None
    return len(stretch.changes)


def take_in(field: Field) -> One:
    """A batch of a device."""
    sequence = itertools.count(2)

    async def one() -> int:
        party = random.choice(field.parties)
        moment = datetime.now(UTC)
        items = [
            Item(str(new_id()), task, "300", moment, next(sequence))
            for task in random.sample(party.tasks, BATCH)
        ]
        await push(party.device, Push(moment, items))
        return BATCH

    return one


def search_rare(field: Field) -> One:
    """The list of tasks, searched for two words that one task has together."""

    async def one() -> int:
        return await _search(field, f"customer {random.randint(1, field.tasks):07}")

    return one


def search_frequent(field: Field) -> One:
    """The list of tasks, searched for a word that all have."""

    async def one() -> int:
        return await _search(field, "customer")

    return one


async def _search(field: Field, words: str) -> int:
    account = random.choice(field.parties).device.account
    read = partial(read_list, filters=Filters(words, "", None), language="en")
    found = await run(account, read)
    assert found.rows
    return len(found.rows)


def lease(field: Field) -> One:
    """A claim of what is due in an account, another one each time where there are several."""
    config = MailConfig(
        worker_dsn=field.worker,
        origin="https://retour.bench.test",
        smtp=parse_server("smtp://127.0.0.1:25"),
        mail_from="retour@bench.test",
    )
    accounts = itertools.cycle(sorted({party.device.account for party in field.parties}))

    async def one() -> int:
        return (await claim(config, next(accounts), CLAIM)).found

    return one


def in_rounds(dsn: str, one: One, times: int) -> tuple[Work, Work]:
    """Turning to the database at `dsn`, and a round in it."""

    async def repeated(times: int) -> int:
        return sum([await one() for _ in range(times)])

    async def turn_to() -> int:
        await DB.close()
        await DB.open(dsn, size=1)
        return await repeated(WARM)

    return turn_to, partial(repeated, times)


class Part(NamedTuple):
    """Something whose cost may grow: what it does, as which role, and how often in a round."""

    what: str
    rows: str
    work: Callable[[Field], One]
    by_worker: bool
    times: int


#: Pushing is the last: it moves what the others read.
WORK: Final = (
    Part("first page", "changes", page, by_worker=False, times=40),
    Part(f"{BEHIND} changes", "changes", catch_up, by_worker=False, times=200),
    Part("search, a rare word", "rows", search_rare, by_worker=False, times=40),
    Part("search, a frequent word", "rows", search_frequent, by_worker=False, times=40),
    Part("claim", "rows", lease, by_worker=True, times=3),
    Part("push", "transitions", take_in, by_worker=False, times=20),
)


async def measure(what: str, few: Field, many: Field) -> list[Line]:
    """The lines of growth. `what`: what grows, and from which number to which."""
    return [await _line(what, part, few, many) for part in WORK]


async def _line(what: str, part: Part, few: Field, many: Field) -> Line:
    (turn_to_few, in_few), (turn_to_many, in_many) = [
        in_rounds(field.worker if part.by_worker else field.api, part.work(field), part.times)
        for field in (few, many)
    ]
    turns = await in_turns(in_few, in_many, prepare_first=turn_to_few, prepare_second=turn_to_many)
    return Line(
        f"{part.what}, {what}",
        f"{turns.second:,.0f} {part.rows}/s in the large one",
        f"{turns.first:,.0f}/s in the small one",
        turns.ratio,
        1.3,
        at_least=False,
    )


async def lines_of(owner_dsn: str, what: str, small: Size, large: Size) -> list[Line]:
    """Lay both and measure."""
    few = await lay_field(owner_dsn, "small", small)
    many = await lay_field(owner_dsn, "large", large)
    return await measure(what, few, many)
