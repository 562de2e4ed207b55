"""The broker: a message says that something may be due; the database knows what."""

import threading
from typing import Final
from urllib.parse import urlsplit

import structlog
from dramatiq import Broker, Message
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import BrokerConnectionError
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError as RedisReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from mail.wording import WordedError, _
from mail.worker.jobs import Job

LOG: Final = structlog.stdlib.get_logger("retour.broker")

#: Errors that mean that a broker is away; they are logged without traceback.
AWAY: Final = (BrokerConnectionError, RedisConnectionError, RedisTimeoutError, OSError)
#: Seconds without a reply after which a broker counts as away.
_TIMEOUT: Final = 10.0
#: Seconds in which the thread of a doorbell ends.
_STOP_TIMEOUT: Final = 5.0


class BrokerUrlError(WordedError):
    """Not the URL of a broker that Retour supports."""


def make_broker(url: str, namespace: str = "retour") -> Broker:
    """Return a broker by its URL: memory://, amqp://, amqps://, redis:// or rediss://.

    It has no middleware for retries, delays or limits: the database knows what is due.

    :raises BrokerUrlError: any other URL.
    """
    match urlsplit(url).scheme:
        case "memory":
            return StubBroker(middleware=[])
        case "amqp" | "amqps":
            # Without this timeout RabbitMQ blocks publishers for ever while it is short of memory.
            option = f"{'&' if '?' in url else '?'}blocked_connection_timeout={_TIMEOUT}"
            return RabbitmqBroker(url=url + option, confirm_delivery=True, middleware=[])
        case "redis" | "rediss":
            # One retry, since after a failover a pooled connection may lead to the demoted server;
            # no more, since the clock rings again.
            client = Redis.from_url(
                url,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                retry=Retry(NoBackoff(), retries=1),
                retry_on_error=[RedisReadOnlyError],
            )
            return RedisBroker(  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
                client=client, namespace=namespace, middleware=[]
            )
    raise BrokerUrlError(_("a broker is memory://, amqp://... or redis://..."))


def close_broker(broker: Broker) -> None:
    """Close a broker's connections; those that are still needed are opened again."""
    broker.close()
    if isinstance(broker, RedisBroker):
        broker.client.connection_pool.disconnect()


def queue_name(namespace: str, job: Job) -> str:
    """Return the name of a job's queue and actor."""
    return f"{namespace}.{job}"


class Doorbell:
    """Sends messages from a thread of its own, so that callers never wait for the broker.

    Rings for one job that come while the broker is busy are sent as one. A failed one is not
    repeated: the clock rings again for what is due.
    """

    def __init__(self, broker: Broker, namespace: str = "retour") -> None:
        self._broker = broker
        self._namespace = namespace
        self._wake = threading.Condition()
        self._wanted: set[Job] = set()
        self._stopping = False
        self._failing = False
        self._thread = threading.Thread(target=self._serve, name="doorbell", daemon=True)
        self._thread.start()

    def ring(self, job: Job) -> None:
        """Ring for `job`; neither blocks nor raises."""
        with self._wake:
            self._wanted.add(job)
            self._wake.notify()

    def stop(self, timeout: float = _STOP_TIMEOUT) -> None:
        """Send what was rung for, then end; waits at most `timeout` seconds."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout)

    def _serve(self) -> None:
        while jobs := self._next():
            for job in sorted(jobs):
                self._send(job)
        close_broker(self._broker)  # connections belong to threads, and this one ends

    def _next(self) -> set[Job]:
        """Wait for rings and return their jobs; none once it was stopped."""
        with self._wake:
            self._wake.wait_for(lambda: self._wanted or self._stopping)
            jobs, self._wanted = self._wanted, set()
        return jobs

    def _send(self, job: Job) -> None:
        queue = queue_name(self._namespace, job)
        message = Message[None](queue_name=queue, actor_name=queue, args=(), kwargs={}, options={})
        try:
            self._broker.declare_queue(queue)
            self._broker.enqueue(message)
        except Exception as error:  # each broker has errors of its own; none may end this thread
            if not self._failing:
                trace = not isinstance(error, AWAY)
                kind, what = type(error).__name__, str(error)
                LOG.exception("broker unreachable", error=kind, what=what, exc_info=trace)
            self._failing = True
        else:
            if self._failing:
                LOG.info("broker reachable again")
            self._failing = False
