"""`retour up`: everything in one process, on an embedded PostgreSQL, with a mailbox to read."""

import asyncio
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from mail.worker.broker import make_broker
from server.app import create_app
from server.demo.fixture import DEMO
from server.demo.seed import password_of, seed
from server.demo.time_shift import hours_ahead
from server.postgres import Embedded, supervised, unsupervised
from server.provisioning.provision import as_owner, provision
from server.runtime.data_folder import (
    FolderInUseError,
    Login,
    Place,
    Running,
    Stage,
    Watcher,
    secret_of,
)
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

#: Supervises the database; yields a function that is false once the database is given up.
Supervisor: TypeAlias = Callable[[], AbstractAsyncContextManager[Callable[[], bool]]]

LOOPBACK: Final = "127.0.0.1"
DEMO_FILE: Final = "demo.json"
#: The broker of a single process.
MEMORY: Final = "memory://"
ANY: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound


def up(settings: Settings, place: Place, watcher: Watcher) -> None:
    """Run until SIGINT or SIGTERM.

    :raises FolderInUseError: another process runs on the folder.
    :raises PortTakenError: the address cannot be listened on.
    :raises EmbeddedError: PostgreSQL did not start.
    :raises ProvisionError: the database cannot be used safely.
    :raises DiedError: a part ended by itself.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place.folder.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(place.folder / "lock", wait=False))
            except LockedError:
                raise FolderInUseError(str(place.folder)) from None
            listening = stack.enter_context(listen_on(place.host, place.port))
            watcher.starting(Stage.DATABASE)
            secret = settings.secret or secret_of(place.folder)
            used = _with_origin(replace(settings, secret=secret), listening, place)
            supervisor: Supervisor = unsupervised
            if not used.database_url:
                embedded = Embedded(place.folder)
                stack.callback(embedded.stop)
                used = replace(used, database_url=embedded.start().dsn)
                supervisor = partial(supervised, embedded)
            _run(used, place.folder, listening, watcher, supervisor)
    except KeyboardInterrupt:
        return


def _with_origin(settings: Settings, listening: socket.socket, place: Place) -> Settings:
    """`settings` with the origin of links: the one they name, or the address that we listen on."""
    if settings.origin != Settings().origin:
        return settings
    host = LOOPBACK if place.host in ANY else place.host
    port = listening.getsockname()[1]
    named = f"[{host}]" if ":" in host else host
    hosts = ",".join(filter(None, [settings.hosts, f"localhost:{port}"]))
    return replace(settings, origin=f"http://{named}:{port}", hosts=hosts)


def _run(
    settings: Settings,
    folder: Path,
    listening: socket.socket,
    watcher: Watcher,
    supervisor: Supervisor,
) -> None:
    api_dsn, worker_dsn, running = asyncio.run(
        _prepare(settings, watcher, is_embedded=supervisor is not unsupervised)
    )

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
                supervisor() as alive,
                watched(alive, "PostgreSQL", stop),
            ):
                app = create_app(sending, api_dsn, ring, box)
                await serve(app, listening, stop, ready)

    until_signalled(serving)


async def _prepare(
    settings: Settings, watcher: Watcher, *, is_embedded: bool
) -> tuple[str, str, Running]:
    """Migrate, and write the demonstration into an empty database.

    Returns the addresses for the API and for workers, and what to report once the API answers.
    """
    api_dsn, worker_dsn = await provision(settings, may_be_moved=is_embedded)
    async with as_owner(settings.database_url) as owner:
        is_empty = not await owner.fetchval("SELECT count(*) FROM account")
    if is_empty:
        watcher.starting(Stage.DEMO)
        await DB.open(api_dsn, size=1)
        try:
            await seed(settings.secret)
        finally:
            await DB.close()
    async with as_owner(settings.database_url) as owner:
        has_demo = await owner.fetchval(
            "SELECT count(*) FROM login WHERE address = $1", DEMO.users[0].email
        )
        ahead = await hours_ahead(owner)
    passwords = {
        person.email: password_of(settings.secret, person.email)
        for person in DEMO.users
        if person.role != "technician"
    }
    users = [
        Login(person.email, person.role, person.name, passwords.get(person.email, ""))
        for person in DEMO.users
        if has_demo
    ]
    mailbox = f"{settings.origin}/mailbox/messages.json"
    return api_dsn, worker_dsn, Running(settings.origin, users, mailbox, ahead)
