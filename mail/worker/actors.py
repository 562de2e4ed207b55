"""The Dramatiq actors: each runs a job when it is rung for."""

from collections.abc import Mapping
from functools import partial
from typing import Final

import dramatiq
from dramatiq import Broker

from mail.config import MailConfig
from mail.worker.broker import queue_name
from mail.worker.jobs import Job, Ring, Runner, Step, Stopping

#: The job that is rung for after some of a job was done.
NEXT: Final = {Job.PLAN: Job.DELIVER}


def declare(
    broker: Broker, config: MailConfig, steps: Mapping[Job, Step], ring: Ring, stopping: Stopping
) -> None:
    """Declare an actor on `broker` for the job of each of `steps`; `ring`: for what follows.

    Actors are not retried: what failed is still due, and the clock rings again.
    """
    for job, step in steps.items():
        then = partial(ring, NEXT[job]) if job in NEXT else None
        runner = Runner(job, step, time_limit=config.actor_timeout, stopping=stopping, then=then)
        name = queue_name(config.namespace, job)
        dramatiq.actor(broker=broker, actor_name=name, queue_name=name)(runner.run)
