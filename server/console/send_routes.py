"""/sends: the surveys that are to be sent."""

from typing import Final

from litestar import Response, route

from mail.delivery.upcoming import START, Place
from server.access.guards import console
from server.access.principals import ConsoleRequest
from server.access.rights import Action
from server.console.list_query import read_after
from server.console.nav_counts import console_frame
from server.console.sends import read_sends
from server.services import services
from server.web.methods import READING
from server.web.page import clock_for, respond
from sync.database import tx


@route("/sends", http_method=READING, guards=[console(Action.SEND_READ)])
async def send_list(request: ConsoleRequest) -> Response[str]:
    """What is to be sent, by release."""
    after = read_after(request.query_params.get("after", ""))
    place = START if after is None else Place(*after)
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        clock = clock_for(opened, page, request.user.zone)
        found = await read_sends(opened, services(request).settings.mail_from, clock, place)
    return respond(request, "sends.html", page, list=found, clock=clock)


ROUTES: Final = (send_list,)
