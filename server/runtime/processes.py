"""The three kinds of process, each made of the parts that it needs and of nothing else."""

import asyncio
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
from mail.worker.broker import Doorbell, make_broker
from mail.worker.jobs import Job, Ring
from mail.worker.runner import run_worker
from mail.worker.scheduler import RunningClock
from server.app import create_app
from server.http.connection import Connection
from server.http.connection_slots import ConnectionSlots, slots_for
from server.services import services_of
from server.settings import Settings

#: Seconds that requests under way get when a process is told to end.
GRACE: Final = 5
#: Seconds that a mail under way gets; one that is cut off keeps its lease and is seen to later.
WORKER_GRACE: Final = 8.0
#: How often somebody looks whether the threads of a process live, in seconds.
WATCH: Final = 0.5


class PortTakenError(RuntimeError):
    """Nobody can listen there; the text says where and why."""


class DiedError(RuntimeError):
    """A part of the process ended by itself; a supervisor should start the process again."""


def mail_config(settings: Settings, worker_dsn: str) -> MailConfig:
    """What the mail side is told."""
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
        ring(Job.PLAN)  # a broker that is away is told at once
        await serve(create_app(settings, api_dsn, ring), listening, stop)


async def worker(config: MailConfig, broker_url: str, stop: asyncio.Event) -> None:
    """Answer rings until `stop`.

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
        ring(Job.PLAN)  # a broker that is away is told at once
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
        async with watched(lambda: running.alive, "the worker", stop):
            yield
    finally:
        await asyncio.to_thread(running.stop, WORKER_GRACE)


@asynccontextmanager
async def ticking(config: MailConfig, ring: Ring, stop: asyncio.Event) -> AsyncIterator[None]:
    """A clock; if it ends by itself, `stop` is set and DiedError raised at the end."""
    running = RunningClock(config, ring)
    running.start()
    try:
        async with watched(running.is_alive, "the clock", stop):
            yield
    finally:
        await asyncio.to_thread(running.stop)


@asynccontextmanager
async def watched(alive: Callable[[], bool], what: str, stop: asyncio.Event) -> AsyncIterator[None]:
    """Set `stop` as soon as `alive` is false, and say so at the end."""
    watching = asyncio.create_task(_watch(alive, stop))
    try:
        yield
        if not alive():
            raise DiedError(f"{what} ended by itself; the log says why")
    finally:
        watching.cancel()


async def _watch(alive: Callable[[], bool], stop: asyncio.Event) -> None:
    while not stop.is_set():
        if not alive():
            stop.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH)


class WebServer(uvicorn.Server):
    """uvicorn, with the signals left to us: there is more to end than the server."""

    def __init__(self, app: Litestar, ready: Callable[[], None]) -> None:
        services = services_of(app)
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
        """Start to answer, and say so.

        :raises DiedError: the application does not start; uvicorn would end the process here.
        """
        try:
            await super().startup(sockets)
        except SystemExit:
            raise DiedError("the application did not start; the log says why") from None
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop. Streams are ended first: they would go on through the whole grace."""
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
    """Answer HTTP for `app` until `stop`; `ready` is called once it answers.

    Logs no paths, for they carry tokens.

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

    :raises PortTakenError: another program has it, or `host` is no address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why = (error.strerror or "").partition(" (")[0]
        raise PortTakenError(f"{host}:{port} ({why})") from None
    listening.setblocking(False)
    return listening


def tune_gc() -> None:
    """Have the collector look after 200,000 new objects instead of 700.

    A page of a feed or a batch of a push is ten thousand at once, none of them in a cycle: looking
    so often was a fifth of the API's time. What is imported by now is not looked at again at all.
    """
    gc.freeze()
    gc.set_threshold(200_000)


def until_signalled(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run `main` in a fresh event loop; SIGINT and SIGTERM set the event that it gets."""

    async def signalled() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await main(stop)

    tune_gc()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(signalled())
