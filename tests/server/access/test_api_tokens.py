"""API tokens end, and say when they were last used."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from server.access.api_tokens import MOST_DAYS, NOTED_EVERY, USUAL_DAYS
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase, clone
from tests.support.office import Office, open_office
from tests.support.signing_in import ME, rows, shift_clock, sign_in

TOKENS = "/api/v1/tokens"


class Place:
    """A database whose clock a test moves, with its API."""

    def __init__(self, database: TestDatabase, api: Served, office: Office) -> None:
        self.database, self.api, self.office = database, api, office
        sign_in(api.client, office.address("administrator"))

    def make(self, **order: object) -> Any:
        """A token; what the API said of it."""
        made = self.api.client.post(TOKENS, json={"name": "ERP", **order})
        assert made.status_code == 201, made.text
        return made.json()

    def ask(self, made: Any) -> int:
        """The status of a question with the token."""
        bearer = {"Authorization": f"Bearer {made['token']}"}
        return self.api.client.get(ME, headers=bearer).status_code

    def listed(self, made: Any) -> Any:
        """What the list says of it."""
        found = rows(
            self.database.owner,
            "SELECT *, xmin::text AS version FROM api_token WHERE token_hash = $1",
            bytes.fromhex(made["id"]),
        )
        return found[0]


@pytest.fixture
def place(template: TestDatabase) -> Iterator[Place]:
    """An office and an administrator who is signed in."""
    with clone(template) as made, served(made) as api:
        yield Place(made, api, open_office(made))


def test_a_token_ends_on_the_day_that_was_told(place: Place) -> None:
    usual, short = place.make(), place.make(days=1)
    made = place.listed(usual)["created_at"]
    assert datetime.fromisoformat(usual["expires_at"]) == made + timedelta(days=USUAL_DAYS)
    assert place.ask(short) == 200
    shift_clock(place.database.owner, timedelta(days=1, minutes=1))
    assert (place.ask(short), place.ask(usual)) == (401, 200)
    shift_clock(place.database.owner, timedelta(days=USUAL_DAYS, minutes=1))
    assert place.ask(usual) == 401


def test_no_token_lives_for_ever(place: Place) -> None:
    for days in (0, -1, MOST_DAYS + 1, 1.5, "x", None):
        answer = place.api.client.post(TOKENS, json={"name": "ERP", "days": days})
        assert answer.status_code == 400, days
        assert answer.json()["errors"][0]["pointer"] == "/days", days


def test_the_last_use_is_told_and_written_seldom(place: Place) -> None:
    made = place.make()
    items = place.api.client.get(TOKENS).json()["items"]
    [mine] = [one for one in items if one["id"] == made["id"]]
    assert (mine["last_used_at"], mine["expires_at"]) == (None, made["expires_at"])
    place.ask(made)
    first = place.listed(made)
    assert first["last_used_at"] is not None
    for _ in range(3):
        place.ask(made)
    assert place.listed(made)["version"] == first["version"]
    shift_clock(place.database.owner, NOTED_EVERY + timedelta(minutes=1))
    place.ask(made)
    assert place.listed(made)["last_used_at"] >= first["last_used_at"] + NOTED_EVERY
