"""Taking in a batch of transitions."""

from msgspec import Struct

from sync.wire import DeviceScope, Push, Result


class PushOutcome(Struct, frozen=True):
    """`results`: a verdict for each transition, in the order sent, all of them durable.

    `changed`: whether some task's history grew, so that planning is worth a ring.
    """

    results: list[Result]
    changed: bool


async def push(device: DeviceScope, batch: Push) -> PushOutcome:
    """Judge and keep a batch in one transaction, retried after a deadlock.

    :raises TooManyError: more than `MOST_TRANSITIONS`; nothing was applied.
    """
    raise NotImplementedError
