"""The API for devices and programs: JSON or MessagePack, under /api/v1."""

from typing import Final

from litestar import Router
from litestar.types import ControllerRouterHandler

from server.api import (
    access,
    account_calendar,
    account_switch,
    adapters,
    asking,
    assets,
    audit,
    campaigns,
    cap,
    completions,
    decisions,
    devices,
    questions,
    record_kinds,
    replays,
    sender,
    sends,
    suppressions,
    system,
    tasks,
    without_address,
)
from server.api.record_routes import routes_of

_RECORDS: Final = (
    record_kinds.UNITS,
    record_kinds.USERS,
    record_kinds.CUSTOMERS,
    record_kinds.LOCATIONS,
    record_kinds.TASK_TYPES,
    record_kinds.STATES,
    record_kinds.TASKS,
)

#: Every operation that the OpenAPI document describes.
ROUTES: Final[list[ControllerRouterHandler]] = [
    *system.ROUTES,
    Router(
        "/api/v1",
        route_handlers=[
            *access.ROUTES,
            *devices.ROUTES,
            *adapters.ROUTES,
            *account_calendar.ROUTES,
            *cap.ROUTES,
            *assets.ROUTES,
            *questions.ROUTES,
            *campaigns.ROUTES,
            *account_switch.ROUTES,
            *tasks.ROUTES,
            *asking.ROUTES,
            *audit.ROUTES,
            *completions.ROUTES,
            *sender.ROUTES,
            *without_address.ROUTES,
            *suppressions.ROUTES,
            *decisions.ROUTES,
            *replays.ROUTES,
            *sends.ROUTES,
            *(route for kind in _RECORDS for route in routes_of(kind)),
        ],
    ),
]
