"""Gives a message of a request again to an application that has not read it."""

from litestar.types import Receive, ReceiveMessage


def replay(message: ReceiveMessage, receive: Receive) -> Receive:
    """`receive`, which gives `message` before any other."""
    pending = [message]

    async def replaying() -> ReceiveMessage:
        return pending.pop() if pending else await receive()

    return replaying
