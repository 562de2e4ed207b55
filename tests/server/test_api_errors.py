"""Each thing that can go wrong has its status, and none tells what it should not."""

import errno
import socket
from typing import Any

import asyncpg
import msgspec
import pytest
from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.exceptions import HTTPException, MethodNotAllowedException

from mail.campaigns.errors import CampaignStatusError, DefinitionError
from mail.campaigns.problem import Problem
from server.http.problem_details import answer_error
from server.http.problems import (
    PROBLEMS,
    ClientGoneError,
    NotSignedInError,
    ServerError,
    ThrottledError,
)
from sync.errors import FieldError, SyncError, TooManyError

SECRET = "s3cr3t"


def asked(path: str = "/api/v1/units", accept: str = "application/json") -> Request[Any, Any, Any]:
    """A request as the router hands it over."""
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"accept", accept.encode())],
        "litestar_app": Litestar([], openapi_config=None, state=State()),
        "state": {},
    }
    return Request(scope)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (asyncpg.DiskFullError(SECRET), 503),
        (asyncpg.TooManyConnectionsError(SECRET), 503),
        (asyncpg.CannotConnectNowError(SECRET), 503),
        (asyncpg.AdminShutdownError(SECRET), 503),
        (asyncpg.QueryCanceledError(SECRET), 503),
        (asyncpg.LockNotAvailableError(SECRET), 503),
        (asyncpg.DeadlockDetectedError(SECRET), 503),
        (asyncpg.ConnectionDoesNotExistError(SECRET), 503),
        (asyncpg.InterfaceError(SECRET), 503),
        (asyncpg.TargetServerAttributeNotMatched(SECRET), 503),
        (asyncpg.ReadOnlySQLTransactionError(SECRET), 503),
        (asyncpg.InvalidPasswordError(SECRET), 503),
        (asyncpg.InvalidCatalogNameError(SECRET), 503),
        (asyncpg.InvalidCachedStatementError(SECRET), 503),
        (asyncpg.UniqueViolationError(SECRET), 409),
        (asyncpg.NumericValueOutOfRangeError(SECRET), 400),
        (asyncpg.PostgresSyntaxError(SECRET), 500),
        (ConnectionRefusedError(SECRET), 503),
        (TimeoutError(SECRET), 503),
        (socket.gaierror(SECRET), 503),
        (OSError(errno.ENOSPC, SECRET), 503),
        (FileNotFoundError(SECRET), 500),
        (KeyError(SECRET), 500),
        (HTTPException(SECRET, status_code=400), 400),
        (HTTPException(SECRET, status_code=500), 500),
        (SyncError(SECRET), 500),
        (TooManyError(SECRET), 413),
        (CampaignStatusError(SECRET), 409),
        (FieldError("place.name", SECRET), 400),
        (DefinitionError([Problem("required", "rules")]), 400),
        (ThrottledError(retry_after=7), 429),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_has_its_status_and_keeps_its_words_to_itself(
    error: Exception, status: int
) -> None:
    answer = answer_error(asked(), error)
    assert answer.status_code == status
    assert SECRET.encode() not in answer.content
    assert ("Retry-After" in answer.headers) == (status in {429, 503})
    assert msgspec.json.decode(answer.content)["status"] == status


def test_a_failure_is_logged_without_the_values_of_variables(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(password: str) -> None:
        raise KeyError("field")

    with pytest.raises(KeyError) as caught:
        broken(SECRET)
    answer_error(asked(), caught.value)
    logged = capsys.readouterr().out
    assert "KeyError" in logged
    assert "broken" in logged
    assert SECRET not in logged


def test_a_client_that_has_left_is_no_failure() -> None:
    with pytest.raises(ClientGoneError):
        answer_error(asked(), ClientGoneError())


def test_a_pointer_follows_the_path_of_the_field() -> None:
    answer = answer_error(asked(), FieldError("place.name", "blank"))
    assert msgspec.json.decode(answer.content)["errors"][0]["pointer"] == "/place/name"


def test_a_wrong_method_names_the_right_ones() -> None:
    error = MethodNotAllowedException(headers={"allow": "GET"})
    assert answer_error(asked(), error).headers["Allow"] == "GET"


def test_a_browser_that_is_not_signed_in_is_sent_to_the_login() -> None:
    answer = answer_error(asked("/tasks", "text/html"), NotSignedInError())
    assert answer.status_code == 303
    program = answer_error(asked("/tasks"), NotSignedInError())
    assert (program.status_code, program.headers["WWW-Authenticate"]) == (401, "Bearer")


def leaves(kind: type[Exception]) -> set[type[Any]]:
    """`kind` and everything under it."""
    return {kind} | {leaf for child in kind.__subclasses__() for leaf in leaves(child)}


def test_every_named_error_has_a_status() -> None:
    named = (leaves(ServerError) | leaves(SyncError)) - {SyncError}
    assert {kind.code for kind in named} <= PROBLEMS.keys()
