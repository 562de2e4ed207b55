"""A program that writes an office's records over HTTP, and what a search of its tasks shows."""

import html
import re
from typing import Any, Final

import httpx

from tests.support.api_process import Served
from tests.support.office import Office

TITLE: Final = re.compile(r'<a href="/tasks/[0-9a-f-]+[^"]*">([^<]+)</a>')


class Books:
    """A program that writes the office's records over HTTP."""

    def __init__(self, api: Served, office: Office) -> None:
        self.api, self.office = api, office

    def put(self, kind: str, key: str, **fields: Any) -> str:
        """The id of the record that `key` names, with `fields` as they are now."""
        answer = self.api.client.put(
            f"/api/v1/{kind}/external/{key}", json=fields, headers=self.office.program
        )
        assert answer.is_success, answer.text
        made: str = answer.json()["id"]
        return made

    def task(self, key: str, title: str, **fields: Any) -> str:
        """A task with a title."""
        world = self.office.world
        return self.put(
            "tasks",
            key,
            title=title,
            unit=str(world.site),
            **{"type": str(world.service_call), "state": "100", **fields},
        )

    def assign(self, task: str, technician: str) -> None:
        """Give a task to a technician, from now on."""
        path = f"/api/v1/tasks/{task}/assignments"
        answer = self.api.client.post(
            path, json={"technician": technician}, headers=self.office.program
        )
        assert answer.is_success, answer.text


def found(console: httpx.Client, words: str, **more: str) -> list[str]:
    """The titles that a search shows, in the page's order."""
    page = console.get("/tasks", params={"q": words, **more})
    assert page.status_code == 200, page.text
    return [html.unescape(title) for title in TITLE.findall(page.text)]


def moment(minute: int) -> str:
    """A moment of one morning, which is long over."""
    return f"2026-01-05T{10 + minute // 60}:{minute % 60:02}:00Z"
