"""Who the account's mails come from, which they say by law, and which addresses are its own."""

from functools import partial
from typing import Annotated, Any, Final, TypeAlias

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct
from msgspec.structs import asdict

from mail.campaigns.sender import (
    MOST_DOMAINS,
    SenderIdentity,
    read_sender,
    write_sender,
)
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from sync.database import run, tx

ApiRequest: TypeAlias = Request[Principal, Any, Any]
Text: TypeAlias = Annotated[str, Meta(max_length=1000)]


class SenderRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """What every mail says of its sender. A way to reach it is `phone`, `email` or `url`.

    `domains`: addresses of these are never asked, nor are those of users.
    """

    legal_name: Text = ""
    postal_address: Text = ""
    phone: Text = ""
    email: Text = ""
    url: Text = ""
    domains: Annotated[tuple[Text, ...], Meta(max_length=MOST_DOMAINS)] = ()


@operation("GET", "/sender", access=api(Action.SENDER_READ))
async def get_sender(request: ApiRequest) -> SenderRecord:
    """Read who the account's mails come from."""
    async with tx(request.user.account) as opened:
        return SenderRecord(**asdict(await read_sender(opened)))


@operation(
    "PUT",
    "/sender",
    access=api(Action.SENDER_WRITE),
    fails=("bad_field", "bad_text", "bad_address"),
)
async def put_sender(request: ApiRequest, body: SenderRecord) -> SenderRecord:
    """Say who the account's mails come from, from the next mail on.

    No campaign is activated without a legal name, a postal address and one way to reach the sender.
    """
    work = partial(write_sender, new=SenderIdentity(**asdict(body)))
    return SenderRecord(**asdict(await run(request.user.account, work, actor_of(request))))


ROUTES: Final[list[ControllerRouterHandler]] = [get_sender, put_sender]
