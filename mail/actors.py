"""The Dramatiq actors: each answers its doorbell by doing what the database says is due."""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import dramatiq
from dramatiq import Broker

from mail.broker import DELIVER, PLAN, queue_name
from mail.chores import Chore, Ring, Stopping, Work
from mail.config import MailConfig

Answering: TypeAlias = dramatiq.Actor[[], None]

#: What is worth a ring after some work of a kind was done.
NEXT: Final = {PLAN: DELIVER}


def declare(
    broker: Broker, config: MailConfig, works: Mapping[str, Work], ring: Ring, stopping: Stopping
) -> dict[str, Answering]:
    """Declare an actor on `broker` for each of `works`, by its name; `ring`: for what follows.

    There is nothing to retry: what failed is still due, and the clock rings again.
    """
    actors = {}
    for name, work in works.items():
        then = partial(ring, NEXT[name]) if name in NEXT else _nothing
        chore = Chore(name, work, time_limit=config.actor_timeout, stopping=stopping, then=then)
        actors[name] = _actor(broker, queue_name(config.namespace, name), chore.run)
    return actors


def _actor(broker: Broker, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> Answering:
    async def answer() -> None:
        await run()

    made: Answering = dramatiq.actor(broker=broker, actor_name=name, queue_name=name)(answer)
    return made


def _nothing() -> None:
    """Nothing follows."""
