"""The three kinds of process: API, worker and clock, and the parts of which they are made."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, Final

import uvicorn
import uvloop
from dramatiq import Broker
from litestar import Litestar

from mail.config import MailConfig
from mail.smtp.address import our_name, parse_server
from mail.wording import Phrase, WordedError, _
from mail.worker.broker import Doorbell, make_broker
from mail.worker.jobs import Job, Ring
from mail.worker.runner import run_worker
from mail.worker.scheduler import RunningClock
from server.app import create_app
from server.http.connection import Connection
from server.http.connection_slots import ConnectionSlots, slots_for
from server.services import Services
from server.settings import Settings

#: Seconds that open requests have to complete when the process stops.
GRACE: Final = 5
#: Seconds that a mail has to be sent; one that is interrupted stays leased, and is resolved later.
WORKER_GRACE: Final = 8.0
#: Seconds between two checks whether the threads of a process are alive.
WATCH: Final = 0.5


class PortTakenError(WordedError):
    """The address cannot be listened on; the text has the address and the reason."""


#: Why not, by the system's error.
_CANNOT_LISTEN: Final = {
    errno.EADDRINUSE: _("another program listens there"),
    errno.EACCES: _("ports under 1024 need more rights"),
    errno.EADDRNOTAVAIL: _("this machine has no such address"),
    socket.EAI_NONAME: _("this name is not known"),
}


class DiedError(WordedError):
    """A part of the process ended by itself; a supervisor should start the process again."""


def mail_config(settings: Settings, worker_dsn: str) -> MailConfig:
    """The configuration of the package `mail`."""
    return MailConfig(
        worker_dsn=worker_dsn,
        origin=settings.origin,
        smtp=parse_server(settings.smtp_url),
        mail_from=settings.mail_from,
        smtp_name=our_name(settings.smtp_name, settings.origin),
        pool_size=settings.pool_size,
        smtp_connections=settings.smtp_connections,
        smtp_timeout=settings.smtp_timeout,
        actor_timeout=settings.actor_timeout,
        lease=settings.lease,
        uncertain_after=settings.uncertain_after,
        sweep=settings.sweep,
        namespace=settings.namespace,
    )


async def api(
    settings: Settings, api_dsn: str, listening: socket.socket, stop: asyncio.Event
) -> None:
    """Answer HTTP until `stop`.

    :raises DiedError: the application did not start.
    """
    broker = make_broker(settings.broker_url, settings.namespace)
    async with ringing(broker, settings.namespace) as ring:
        ring(Job.PLAN)  # so that a broker that cannot be reached is logged at once
        await serve(create_app(settings, api_dsn, ring), listening, stop)


async def worker(config: MailConfig, broker_url: str, stop: asyncio.Event) -> None:
    """Run jobs until `stop`.

    :raises DiedError: a thread of the worker ended by itself.
    """
    broker = make_broker(broker_url, config.namespace)
    async with ringing(broker, config.namespace) as ring, working(config, broker, ring, stop):
        await stop.wait()


async def clock(config: MailConfig, broker_url: str, stop: asyncio.Event) -> None:
    """Ring for what is due until `stop`.

    :raises DiedError: the clock's thread ended by itself.
    """
    broker = make_broker(broker_url, config.namespace)
    async with ringing(broker, config.namespace) as ring, ticking(config, ring, stop):
        ring(Job.PLAN)  # so that a broker that cannot be reached is logged at once
        await stop.wait()


@asynccontextmanager
async def ringing(broker: Broker, namespace: str) -> AsyncIterator[Ring]:
    """A doorbell on `broker`."""
    doorbell = Doorbell(broker, namespace)
    try:
        yield doorbell.ring
    finally:
        await asyncio.to_thread(doorbell.stop)


@asynccontextmanager
async def working(
    config: MailConfig, broker: Broker, ring: Ring, stop: asyncio.Event
) -> AsyncIterator[None]:
    """A worker; if it ends by itself, `stop` is set and DiedError raised at the end."""
    running = run_worker(config, broker, ring)
    try:
        async with watched(lambda: running.alive, _("the worker"), stop):
            yield
    finally:
        await asyncio.to_thread(running.stop, WORKER_GRACE)


@asynccontextmanager
async def ticking(config: MailConfig, ring: Ring, stop: asyncio.Event) -> AsyncIterator[None]:
    """A clock; if it ends by itself, `stop` is set and DiedError raised at the end."""
    running = RunningClock(config, ring)
    running.start()
    try:
        async with watched(running.is_alive, _("the clock"), stop):
            yield
    finally:
        await asyncio.to_thread(running.stop)


@asynccontextmanager
async def watched(alive: Callable[[], bool], what: str, stop: asyncio.Event) -> AsyncIterator[None]:
    """Set `stop` as soon as `alive` is false.

    :raises DiedError: at the end, if `alive` is false.
    """
    watching = asyncio.create_task(_stop_unless(alive, stop))
    try:
        yield
        if not alive():
            raise DiedError(_("%(what)s ended by itself; the log says why"), what=Phrase(what))
    finally:
        watching.cancel()


async def _stop_unless(alive: Callable[[], bool], stop: asyncio.Event) -> None:
    while not stop.is_set():
        if not alive():
            stop.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH)


class WebServer(uvicorn.Server):
    """uvicorn's server, which leaves signals to `until_signalled`."""

    def __init__(self, app: Litestar, ready: Callable[[], None]) -> None:
        services: Services = app.state.services
        settings = services.settings
        places = ConnectionSlots(slots_for(2 * settings.pool_size + settings.smtp_connections))
        protocol: Any = partial(Connection, places=places)
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._services, self._ready = services, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, and call `ready`.

        :raises DiedError: the application does not start; uvicorn would exit the process.
        """
        try:
            await super().startup(sockets)
        except SystemExit:
            raise DiedError(_("the application did not start; the log says why")) from None
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop. Streams are ended first; otherwise uvicorn would wait for them until `GRACE`."""
        self._services.live.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: `until_signalled` does."""
        yield


async def serve(
    app: Litestar,
    listening: socket.socket,
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve `app` until `stop`; `ready` is called once it answers.

    :raises DiedError: the application did not start.
    """
    server = WebServer(app, ready)
    serving = asyncio.create_task(server.serve([listening]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


def listen_on(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    :raises PortTakenError: another program listens there, or `host` is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = _CANNOT_LISTEN.get(error.errno or 0, _("the system does not allow it"))
        raise PortTakenError(
            _("Cannot listen on %(address)s: %(why)s. Name another with --port or --host"),
            address=f"{host}:{port}",
            why=Phrase(why),
        ) from None
    listening.setblocking(False)
    return listening


def tune_gc() -> None:
    """Run the garbage collector after 200,000 new objects instead of 700.

    A page of a feed or a batch of a push is ten thousand objects, none of them in a cycle: the
    collector took a fifth of the API's time. Objects of imported modules are not examined at all.
    """
    gc.freeze()
    gc.set_threshold(200_000)


def until_signalled(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run `main` in a new event loop; SIGINT and SIGTERM set its event."""

    async def signalled() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await main(stop)

    tune_gc()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(signalled())
