"""`retour up`: everything in one process, on an embedded PostgreSQL, with a mailbox to read."""

import asyncio
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from mail.worker.broker import make_broker
from server.app import create_app
from server.demo.fixture import DEMO
from server.demo.seed import password_of, seed
from server.postgres import Embedded, access, supervised
from server.provisioning.provision import as_owner, provision
from server.runtime.files import LockedError, locked, write_private
from server.runtime.mailbox import Mailbox, listen, smtp_url
from server.runtime.processes import (
    listen_on,
    mail_config,
    ringing,
    serve,
    ticking,
    until_signalled,
    watched,
    working,
)
from server.settings import Settings
from sync.database import DB

#: Keeps the database running; gives a function that is false once that is not to be had.
Keeper: TypeAlias = Callable[[], AbstractAsyncContextManager[Callable[[], bool]]]

LOOPBACK: Final = "127.0.0.1"
SECRET_FILE: Final = "secret"  # noqa: S105 - its name
DEMO_FILE: Final = "demo.json"
#: One process needs no other broker.
MEMORY: Final = "memory://"
ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


class Stage(StrEnum):
    """What takes a moment at the start."""

    DATABASE = "database"
    DEMO = "demo"


class FolderInUseError(RuntimeError):
    """Another `retour up` runs on the folder, which the text names."""


class Login(Struct, frozen=True):
    """One person of the demo."""

    email: str
    password: str
    role: str
    name: str


class Running(Struct, frozen=True):
    """What `demo.json` says. `mailbox`: address of a JSON list of what was sent."""

    base_url: str
    users: list[Login]
    mailbox: str


class Place(Struct, frozen=True):
    """Where to run: a data folder and an address to listen on; port 0 takes a free one."""

    folder: Path
    host: str
    port: int


def secret_of(folder: Path) -> str:
    """The key of this data folder, made at its first start."""
    file = folder / SECRET_FILE
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32).encode())
    return file.read_text()


def database_of(settings: Settings, folder: Path) -> Settings | None:
    """`settings` with what they leave out of database and secret taken from `folder`.

    None where no `retour up` ever ran there.
    """
    found, file = access(folder), folder / SECRET_FILE
    url = settings.database_url or (found.dsn if found else "")
    secret = settings.secret or (file.read_text() if file.exists() else "")
    return replace(settings, database_url=url, secret=secret) if url and secret else None


class Watcher(Protocol):
    """Who hears how the start goes."""

    def starting(self, stage: Stage) -> None:
        """Report what is being done now."""

    def ready(self, running: Running) -> None:
        """Report that everything answers."""


def up(settings: Settings, place: Place, watcher: Watcher) -> None:
    """Run until SIGINT or SIGTERM.

    :raises FolderInUseError: another one runs on the folder.
    :raises PortTakenError: nobody can listen there.
    :raises EmbeddedError: PostgreSQL did not start.
    :raises ProvisionError: the database cannot be used safely.
    :raises DiedError: a part ended by itself.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place.folder.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(place.folder), listen_on(place.host, place.port) as listening:
            watcher.starting(Stage.DATABASE)
            with _database(settings, place.folder) as (ready, keeper):
                addressed = _addressed(ready, listening, place)
                _run(addressed, place.folder, listening, watcher, keeper)
    except KeyboardInterrupt:
        return


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / "lock", wait=False))
        except LockedError:
            raise FolderInUseError(str(folder)) from None
        yield


@contextmanager
def _database(settings: Settings, folder: Path) -> Iterator[tuple[Settings, Keeper]]:
    """`settings` with a database that runs, the one they name or an embedded one; its keeper."""
    secret = settings.secret or secret_of(folder)
    if settings.database_url:
        yield replace(settings, secret=secret), _somebody_else_s
        return
    embedded = Embedded(folder)
    try:
        dsn = embedded.start().dsn
        yield replace(settings, secret=secret, database_url=dsn), partial(supervised, embedded)
    finally:
        embedded.stop()


@asynccontextmanager
async def _somebody_else_s() -> AsyncIterator[Callable[[], bool]]:
    """One that is not ours to start counts as alive: it comes back."""
    yield lambda: True


def _addressed(settings: Settings, listening: socket.socket, place: Place) -> Settings:
    """`settings` with the address that links use: the one they name, or where we listen."""
    if settings.origin != Settings().origin:
        return settings
    host = LOOPBACK if place.host in ANY else place.host
    port = listening.getsockname()[1]
    named = f"[{host}]" if ":" in host else host
    hosts = ",".join(filter(None, [settings.hosts, f"localhost:{port}"]))
    return replace(settings, origin=f"http://{named}:{port}", hosts=hosts)


def _run(
    settings: Settings, folder: Path, listening: socket.socket, watcher: Watcher, keeper: Keeper
) -> None:
    api_dsn, worker_dsn, has_demo = asyncio.run(_prepare(settings, watcher))
    running = _running(settings, has_demo=has_demo)

    def ready() -> None:
        write_private(folder / DEMO_FILE, msgspec.json.format(msgspec.json.encode(running)))
        watcher.ready(running)

    async def serving(stop: asyncio.Event) -> None:
        box = Mailbox(folder / "mailbox", DEMO.account.zone)
        async with await listen(box) as mails:
            sending = replace(settings, smtp_url=smtp_url(mails))
            config = mail_config(sending, worker_dsn)
            broker = make_broker(MEMORY)
            async with (
                ringing(broker, config.namespace) as ring,
                working(config, broker, ring, stop),
                ticking(config, ring, stop),
                keeper() as alive,
                watched(alive, "PostgreSQL", stop),
            ):
                app = create_app(sending, api_dsn, ring, box)
                await serve(app, listening, stop, ready)

    until_signalled(serving)


async def _prepare(settings: Settings, watcher: Watcher) -> tuple[str, str, bool]:
    """Migrate, and put the demo into an empty database; the addresses, and whether it is there."""
    api_dsn, worker_dsn = await provision(settings)
    async with as_owner(settings.database_url) as owner:
        empty = not await owner.fetchval("SELECT count(*) FROM account")
    if empty:
        watcher.starting(Stage.DEMO)
        await _seed(settings, api_dsn)
    async with as_owner(settings.database_url) as owner:
        has_demo = await owner.fetchval(
            "SELECT count(*) FROM login WHERE address = $1", DEMO.users[0].email
        )
    return api_dsn, worker_dsn, bool(has_demo)


async def _seed(settings: Settings, api_dsn: str) -> None:
    await DB.open(api_dsn, size=1)
    try:
        await seed(settings.secret)
    finally:
        await DB.close()


def _running(settings: Settings, *, has_demo: bool) -> Running:
    users = [
        Login(person.email, password_of(settings.secret, person.email), person.role, person.name)
        for person in DEMO.users
    ]
    mailbox = f"{settings.origin}/mailbox/messages.json"
    return Running(settings.origin, users if has_demo else [], mailbox)
