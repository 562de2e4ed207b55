"""A running worker: Dramatiq's threads, an event loop for all actors, and its database pool."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import structlog
import uvloop
from dramatiq import Broker, Worker
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread, set_event_loop_thread
from dramatiq.middleware import AsyncIO, MiddlewareError

from mail.config import MailConfig
from mail.ledger.counting import count_due
from mail.planning.plan import plan_due
from mail.responses.rollup import roll_due
from mail.sending.run import deliver_due
from mail.worker.actors import declare
from mail.worker.broker import close_broker
from mail.worker.jobs import Job, Ring, Step, Stopping
from sync.database import DB

LOG: Final = structlog.stdlib.get_logger("retour.worker")

#: Seconds in which a thread starts, even on a busy machine.
_START_TIMEOUT: Final = 30.0
#: Seconds in which a worker finishes its runs.
_STOP_TIMEOUT: Final = 30.0
#: Milliseconds after which idle threads check whether they should stop.
_IDLE: Final = 250


class DatabaseLoop(AsyncIO):
    """Dramatiq's event loop for async actors, in which the worker's database is open."""

    def __init__(self, config: MailConfig) -> None:
        super().__init__()
        self._config = config

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        """Start the loop and open the database; without it the worker must not boot.

        :raises MiddlewareError: the database cannot be reached.
        """
        thread = EventLoopThread(self.logger)
        thread.loop.close()  # asyncio's, with which a mail takes a fifth more time
        thread.loop = uvloop.new_event_loop()
        thread.daemon = True  # a process whose main thread died must end
        thread.start(timeout=_START_TIMEOUT)
        set_event_loop_thread(thread)
        try:
            thread.run_coroutine(DB.open(self._config.worker_dsn, size=self._config.pool_size))
        except Exception as error:
            self._end_loop()
            raise MiddlewareError("the worker's database cannot be opened") from error

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Close the database, then stop the loop."""
        thread = get_event_loop_thread()
        if thread is not None:
            thread.run_coroutine(DB.close())
        self._end_loop()

    @staticmethod
    def _end_loop() -> None:
        thread = get_event_loop_thread()
        if thread is not None:
            thread.stop()  # type: ignore[no-untyped-call]  # dramatiq leaves it untyped
            set_event_loop_thread(None)


class RunningWorker:
    """The worker of this process."""

    def __init__(self, broker: Broker, worker: Worker, stopping: Stopping) -> None:
        self._broker = broker
        self._worker = worker
        self._stopping = stopping

    @property
    def alive(self) -> bool:
        """Whether all its threads are; if not, the process should end with an error."""
        loop = get_event_loop_thread()
        threads = [*self._worker.workers, *self._worker.consumers.values()]
        return loop is not None and loop.is_alive() and all(thread.is_alive() for thread in threads)

    def stop(self, timeout: float = _STOP_TIMEOUT) -> None:
        """End the worker, whose jobs have at most `timeout` seconds to finish.

        A job that is cut off is recovered as after a crash, by its leases and phases.
        """
        self._stopping.asked = True
        self._worker.stop(timeout=int(timeout * 1000))
        close_broker(self._broker)


def run_worker(config: MailConfig, broker: Broker, ring: Ring, threads: int = 4) -> RunningWorker:
    """Start a worker for all jobs on `broker`, which has no actors yet.

    `ring`: for jobs that follow. The caller handles signals.

    :raises MiddlewareError: the database cannot be reached.
    """
    steps: dict[Job, Step] = {
        Job.PLAN: plan_due,
        Job.DELIVER: partial(deliver_due, config),
        Job.ROLLUP: roll_due,
        Job.LEDGER: count_due,
    }
    return start_worker(config, broker, steps, ring, threads)


def start_worker(
    config: MailConfig, broker: Broker, steps: Mapping[Job, Step], ring: Ring, threads: int
) -> RunningWorker:
    """As `run_worker`, with the steps of the jobs.

    :raises MiddlewareError: the database cannot be reached.
    """
    stopping = Stopping()
    declare(broker, config, steps, ring, stopping)
    broker.add_middleware(DatabaseLoop(config))
    worker = Worker(broker, worker_threads=threads, worker_timeout=_IDLE)
    worker.start()
    return RunningWorker(broker, worker, stopping)
