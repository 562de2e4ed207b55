"""Where the main job plays: the demo account, run in one process or in several."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from msgspec import Struct

from server.demo.seed import password_of, seed
from sync.database import DB
from tests.support.databases import SECRET, TestDatabase
from tests.support.owner import owning
from tests.support.processes import Fleet, Retour, environment, free_port, until
from tests.support.smtp_sink import Sink


class Letter(NamedTuple):
    """A mail as its reader sees it."""

    to: str
    subject: str
    html: str


class Stage(Struct, frozen=True):
    """What a person needs who tries Retour by hand.

    `mails`: all that were sent so far. `code`: a fresh enrolment code for a technician.
    `users`: email, password, role and name of each.
    """

    origin: str
    mails: Callable[[], list[Letter]]
    code: Callable[[str], str]
    users: list[dict[str, str]]

    @property
    def technicians(self) -> list[str]:
        """The addresses of those who have devices."""
        return [user["email"] for user in self.users if user["role"] == "technician"]

    def password(self, email: str) -> str:
        """What `email` signs in with."""
        return next(user["password"] for user in self.users if user["email"] == email)


@contextmanager
def one_command(folder: Path) -> Iterator[Stage]:
    """`retour up` on an empty data folder."""
    data = folder / "data"
    with Fleet(folder) as fleet:
        port = free_port()
        up = Retour(fleet, "up", "--data", str(data), "--port", str(port), settings={})
        demo = until(lambda: _demo(up, data / "demo.json"), "the demo is ready")
        yield Stage(
            demo["base_url"],
            lambda: _mailbox(demo["mailbox"]),
            lambda email: _enrolment_code(email, "--data", str(data)),
            demo["users"],
        )
        up.end()


def _demo(up: Retour, file: Path) -> Any:
    assert up.runs, up.log()
    if not file.exists():
        return None
    demo = json.loads(file.read_text())
    try:
        httpx.get(demo["base_url"], timeout=5)
    except httpx.TransportError:
        return None
    return demo


def _mailbox(address: str) -> list[Letter]:
    reply = httpx.get(address, timeout=10)
    assert reply.status_code == 200, reply.text
    return [Letter(mail["to"], mail["subject"], mail["html"]) for mail in reply.json()]


def _enrolment_code(email: str, *options: str, **settings: object) -> str:
    """What `retour enrol` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "enrol", email, *options],
        env=environment(settings),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@contextmanager
def several_processes(
    folder: Path, database: TestDatabase, broker: dict[str, object]
) -> Iterator[Stage]:
    """The same account with API, worker and clock each a process, over a real broker."""
    users = asyncio.run(_seeded(database))
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    with Sink() as sink:
        settings = {"database_url": database.owner, "secret": SECRET, "smtp_url": sink.url}
        with Fleet(folder, **settings, **broker, origin=origin) as fleet:
            fleet.worker()
            fleet.clock()
            fleet.api(port)
            yield Stage(
                origin,
                lambda: [_letter(mail.recipient, mail.parsed) for mail in sink.mails],
                lambda email: _enrolment_code(email, **settings),
                users,
            )


def _letter(to: str, mail: Any) -> Letter:
    html = mail.get_body(("html",))
    assert html is not None
    return Letter(to, str(mail["Subject"]), html.get_content())


USERS: Final = "SELECT email, role, name FROM app_user"


async def _seeded(database: TestDatabase) -> list[dict[str, str]]:
    await DB.open(database.api)
    try:
        await seed(SECRET)
    finally:
        await DB.close()
    async with owning(database.owner) as owner:
        return [
            {"email": email, "role": role, "name": name, "password": password_of(SECRET, email)}
            for email, role, name in await owner.rows(USERS)
        ]
