"""Pages for people: the console, the answer page, the mailbox."""

from collections.abc import Sequence
from typing import Any

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ControllerRouterHandler

from server.http.form_data import read_pairs
from server.pages.console import campaigns, devices, entry, mailbox, refused, tasks
from server.pages.customer import survey, unsubscribing
from server.pages.statics import static_file


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
            entry.front,
            entry.login_form,
            entry.login,
            entry.logout,
            *tasks.ROUTES,
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
    survey.survey_page,
    survey.answer_survey,
    unsubscribing.unsubscribe_page,
    unsubscribing.unsubscribe,
)
