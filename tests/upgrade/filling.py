"""An account of any size as the landed version wrote them, by SQL for its schema."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from server.access.passwords import hash_password
from sync import tokens
from sync.ids import new_account_number

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

FOLDER: Final = Path(__file__).parent
PASSWORD: Final = "a password of the north"
#: Steps of a task, on the average.
STEPS: Final = 4
#: Keys between tables are checked up to so many transitions: it takes most of the time.
MOST_CHECKED: Final = 10_000


async def fill(owner: "Connection", transitions: int, now: datetime) -> int:
    """Write an account of about so many transitions; its number. Then close the connection.

    Its people are `0@nord.test` (administrator), 1 and 2 (dispatchers), 3 (manager), 10 to 49
    (technicians), all with `PASSWORD`. `now`: when the last thing happened, aware.
    """
    account = new_account_number()
    script = (FOLDER / "landed.sql").read_text()
    values = {
        ":account": str(account),
        ":tasks": str(transitions // STEPS),
        ":now": f"'{now.isoformat()}'",
        ":password": f"'{hash_password(PASSWORD)}'",
        ":definition": "'" + (FOLDER / "definition.json").read_text().replace("'", "''") + "'",
    }
    for name, value in values.items():
        script = script.replace(name, value)
    if transitions > MOST_CHECKED:
        await owner.execute("SET session_replication_role = replica")
    for statement in filter(None, script.split(";\n")):
        await owner.execute(statement)
    return account


def token(account: int, what: str) -> str:
    """The token whose secret the script made of `what`: "device 10 0", "token 1", "survey ID"."""
    return tokens.write(account, hashlib.sha256(what.encode()).digest())
