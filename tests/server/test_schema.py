"""The OpenAPI document is true: generated requests meet no 5xx and nothing it does not say."""

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from litestar.routes import HTTPRoute
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.api.operation import OPERATION
from server.live.sse import EVENT_STREAM
from tests.support.api_process import Served
from tests.support.office import Office

pytestmark = pytest.mark.slow

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def document(api: Served) -> dict[str, Any]:
    """The document as served."""
    found: dict[str, Any] = api.client.get("/api/openapi.json").json()
    return found


def test_every_route_of_the_api_is_in_the_document(api: Served) -> None:
    paths = document(api)["paths"]
    for route in api.app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/v1"):
            methods = route.methods - {"OPTIONS", "HEAD"}
            assert {method.lower() for method in methods} == set(paths[route.path_format])


def test_every_reference_of_the_document_leads_somewhere(api: Served) -> None:
    found = document(api)
    schemas = found["components"]["schemas"]

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].rpartition("/")[2] in schemas
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(found)


def test_the_page_of_the_document_needs_no_script_and_names_every_route(api: Served) -> None:
    page = api.client.get("/api/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "style=" not in page.text
    for path in document(api)["paths"]:
        assert path in page.text


def test_operations_are_the_only_routes_under_api_v1(api: Served) -> None:
    for route in api.app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/api/v1"):
            handlers = [one for one in route.route_handlers if "OPTIONS" not in one.http_methods]
            assert all(OPERATION in handler.opt for handler in handlers)


@pytest.mark.long
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_generated_requests_meet_no_5xx_and_no_surprise(
    api: Served, north: Office, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_url(f"{api.base_url}/api/openapi.json")
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        attempt(result.ok(), api, north, mode)


def attempt(operation: Any, api: Served, office: Office, mode: GenerationMode) -> None:
    """Try requests that fit the document, or by `mode` ones that do not."""
    # A stream that lets somebody in has no end: it is asked by who may not listen.
    is_devices = "/sync/" in operation.path and not is_stream(operation.definition.raw)
    headers = office.device if is_devices else office.program

    @settings(
        max_examples=3,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def once(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=api.base_url, headers=headers, checks=CHECKS)

    with suppress(Unsatisfiable):  # a route that takes nothing cannot be asked wrongly
        once()


def is_stream(said: dict[str, Any]) -> bool:
    """Whether an operation answers events without end."""
    return any(EVENT_STREAM in one.get("content", {}) for one in said["responses"].values())
