"""Pages for people: the console, the answer page, the mailbox."""

from collections.abc import Sequence
from typing import Any

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ControllerRouterHandler

from server.console import campaigns, devices, login, mailbox, refused, task_routes
from server.http.form_data import read_pairs
from server.survey import answer_page, unsubscribe_page
from server.web.static_files import static_file


async def legible(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of the console: the query is text. Links in mails are read whatever is added to them.

    :raises BadBodyError: it is not.
    """
    read_pairs(connection.scope["query_string"])


#: What `server.app` routes, beside the API.
ROUTES: Sequence[ControllerRouterHandler] = (
    static_file,
    Router(
        "/",
        guards=[legible],
        route_handlers=[
            login.front,
            login.login_form,
            login.login,
            login.logout,
            *task_routes.ROUTES,
            *refused.ROUTES,
            *devices.ROUTES,
            campaigns.campaign_list,
            campaigns.campaign_page,
            mailbox.mailbox,
            mailbox.messages,
            mailbox.message,
            mailbox.letter,
        ],
    ),
    answer_page.survey_page,
    answer_page.answer_survey,
    unsubscribe_page.unsubscribe_page,
    unsubscribe_page.unsubscribe,
)
