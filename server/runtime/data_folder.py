"""Where `retour up` runs, what is kept there, and what is told of a start."""

import secrets
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from server.postgres import access
from server.runtime.files import write_private
from server.settings import Settings

SECRET_FILE: Final = "secret"  # noqa: S105 - its name


class Stage(StrEnum):
    """A part of the start that takes seconds."""

    DATABASE = "database"
    DEMO = "demo"


class FolderInUseError(RuntimeError):
    """Another `retour up` runs on the folder; the text is its path."""


class Login(Struct, frozen=True, omit_defaults=True):
    """One user of the demonstration. `password`: empty for technicians, who do not sign in."""

    email: str
    role: str
    name: str
    password: str = ""


class Running(Struct, frozen=True):
    """The content of `demo.json`. `mailbox`: the address of a JSON list of the mails.

    `hours_ahead`: by how much `retour demo` moved the clock.
    """

    base_url: str
    users: list[Login]
    mailbox: str
    hours_ahead: int = 0


class Place(Struct, frozen=True):
    """Where to run: a data folder and an address to listen on; port 0 takes a free one."""

    folder: Path
    host: str
    port: int


def secret_of(folder: Path) -> str:
    """The secret of a data folder, made at its first start."""
    file = folder / SECRET_FILE
    if not file.exists():
        write_private(file, secrets.token_urlsafe(32).encode())
    return file.read_text()


def database_of(settings: Settings, folder: Path) -> Settings | None:
    """`settings`, with a database and a secret that they leave out taken from `folder`.

    None where `retour up` never ran on the folder.
    """
    found, file = access(folder), folder / SECRET_FILE
    url = settings.database_url or (found.dsn if found else "")
    secret = settings.secret or (file.read_text() if file.exists() else "")
    return replace(settings, database_url=url, secret=secret) if url and secret else None


class Watcher(Protocol):
    """Reports the progress of the start."""

    def starting(self, stage: Stage) -> None:
        """Report that `stage` begins."""

    def ready(self, running: Running) -> None:
        """Report that the API answers."""
