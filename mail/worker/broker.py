"""The broker: a doorbell. A message says only that something is due; the database says what."""

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

from mail.worker.jobs import Job

LOG: Final = structlog.stdlib.get_logger("retour.broker")

#: What says that a broker is away; its own words are enough.
AWAY: Final = (BrokerConnectionError, RedisConnectionError, RedisTimeoutError, OSError)
#: Seconds after which a broker that says nothing counts as away.
_PATIENCE: Final = 10.0


class BrokerUrlError(ValueError):
    """Not an address of a broker that Retour knows."""


def make_broker(url: str, namespace: str = "retour") -> Broker:
    """A broker by its URL: memory://, amqp://, amqps://, redis:// or rediss://.

    No middleware retries, delays or limits: what is due is found again in the database.

    :raises BrokerUrlError: for any other URL.
    """
    match urlsplit(url).scheme:
        case "memory":
            return StubBroker(middleware=[])
        case "amqp" | "amqps":
            return _rabbitmq(url)
        case "redis" | "rediss":
            return _redis(url, namespace)
    raise BrokerUrlError("a broker is memory://, amqp://... or redis://...")


def _rabbitmq(url: str) -> Broker:
    """RabbitMQ that is short of memory blocks who publishes, for ever unless told otherwise."""
    patient = f"{url}{'&' if '?' in url else '?'}blocked_connection_timeout={_PATIENCE}"
    return RabbitmqBroker(url=patient, confirm_delivery=True, middleware=[])


def _redis(url: str, namespace: str) -> Broker:
    """Without most of the client's own retries: the clock rings again anyway.

    After a failover a connection may lead to the server that was demoted: it is made anew.
    """
    client = Redis.from_url(
        url,
        socket_timeout=_PATIENCE,
        socket_connect_timeout=_PATIENCE,
        retry=Retry(NoBackoff(), retries=1),
        retry_on_error=[RedisReadOnlyError],
    )
    return RedisBroker(  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
        client=client, namespace=namespace, middleware=[]
    )


def close_broker(broker: Broker) -> None:
    """Close a broker's connections; those that somebody still needs are opened again."""
    broker.close()
    if isinstance(broker, RedisBroker):
        broker.client.connection_pool.disconnect()


def queue_name(namespace: str, job: Job) -> str:
    """The queue of one job, which is also the name of its actor."""
    return f"{namespace}.{job}"


class Doorbell:
    """Rings from a thread of its own, so that nobody waits for a broker.

    Rings of one kind that come while the broker is busy become one. A ring that fails is
    forgotten: the clock rings again for whatever is due.
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
        """Say that `job` may have something to do; neither blocks nor raises."""
        with self._wake:
            self._wanted.add(job)
            self._wake.notify()

    def stop(self, timeout: float = 5.0) -> None:
        """Ring what was asked for, then no more; waits at most `timeout` seconds."""
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
        """Wait for rings; nothing once it was stopped."""
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
