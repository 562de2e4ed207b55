"""The routes of pages: console, mailbox, survey and unsubscribe."""

from collections.abc import Sequence
from typing import Any

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.types import ControllerRouterHandler

from server.console import (
    asking,
    calendar_routes,
    campaign_changes,
    campaigns,
    devices,
    follow_up_routes,
    ledger,
    login,
    mailbox,
    missing_addresses,
    refused,
    replays,
    send_routes,
    sender_page,
    suppression_import,
    suppression_pages,
    task_routes,
)
from server.http.form_data import read_pairs
from server.survey import answer_page, unsubscribe_page
from server.web.images import image
from server.web.static_files import static_file


async def legible(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of the console that accepts only text in the query.

    Pages of links in mails accept any query, for other programs add to those links.

    :raises BadBodyError: the query is not UTF-8, or has U+0000.
    """
    read_pairs(connection.scope["query_string"])


#: The routes of all pages, for `server.app`.
ROUTES: Sequence[ControllerRouterHandler] = (
    static_file,
    image,
    Router(
        "/",
        guards=[legible],
        route_handlers=[
            login.front,
            login.login_form,
            login.login,
            login.logout,
            *task_routes.ROUTES,
            *asking.ROUTES,
            *follow_up_routes.ROUTES,
            *send_routes.ROUTES,
            *refused.ROUTES,
            *sender_page.ROUTES,
            *missing_addresses.ROUTES,
            *suppression_pages.ROUTES,
            *suppression_import.ROUTES,
            *devices.ROUTES,
            *calendar_routes.ROUTES,
            campaigns.campaign_list,
            campaigns.campaign_page,
            *campaign_changes.ROUTES,
            *replays.ROUTES,
            ledger.ledger_page,
            mailbox.mailbox,
            mailbox.messages,
            mailbox.message,
            mailbox.letter,
        ],
    ),
    answer_page.survey_page,
    answer_page.answer_survey,
    unsubscribe_page.unsubscribe_page,
    unsubscribe_page.change_subscription,
)
