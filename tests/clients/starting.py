"""Phones with other people's libraries, and the code that docs/ shows for them."""

from pathlib import Path
from typing import Final

import msgspec

from tests.clients.days import Planned
from tests.clients.programs import Program
from tests.clients.shown import lay_out
from tests.support.npm import require_node

#: The libraries, and where docs/ shows how to use them.
LIBRARIES: Final = {"rxdb": "rxdb.md", "watermelon": "watermelondb.md"}
DOCUMENTS: Final = {**LIBRARIES, "plain": "protocol.md"}


def prepare(library: str, what: str, folder: Path) -> str:
    """Put what a phone with `library` ("plain": without) needs into `folder`; its program."""
    require_node()
    name = f"{library}_{what}.mjs"
    lay_out(folder, DOCUMENTS[library], name, "speaking.mjs")
    return name


def started(
    credential: str,
    origin: str,
    plan: list[Planned],
    folder: Path,
    name: str,
    phone: str = "only",
    photo: int = 0,
) -> Program:
    """A phone that will record `plan`, each step with a photo of so many letters."""
    path = folder / f"{phone}.json"
    path.write_bytes(msgspec.json.encode([written for written, _ in plan]))
    order = {"origin": origin, "device": phone, "credential": credential, "plan": str(path)}
    return Program(folder, name, {**order, "photo": photo})


def verdicts(plan: list[Planned]) -> dict[str, list[str | None]]:
    """What a phone must be told, by id."""
    return {written["id"]: verdict for written, verdict in plan}
