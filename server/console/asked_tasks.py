"""Which tasks a campaign asks about, with the names of what its criteria name."""

from datetime import date
from typing import Final

from msgspec import Struct

from mail.campaigns.definition import Definition
from sync.database import Tx


class Criterion(Struct, frozen=True):
    """One criterion: its name in a definition, and its values; what is gone by its id."""

    name: str
    values: list[str]


class AskedTasks(Struct, frozen=True):
    """Which tasks a campaign asks about. `first_day`, `last_day`: None is no bound."""

    criteria: list[Criterion]
    percent: int
    first_day: date | None
    last_day: date | None


_NAMES: Final = """
SELECT id, name FROM unit WHERE account = $1 AND id = ANY($2)
UNION ALL SELECT id, name FROM app_user WHERE account = $1 AND id = ANY($3)
"""


async def read_asked_tasks(tx: Tx, definition: Definition) -> AskedTasks:
    """Which tasks a campaign with this definition asks about."""
    said = definition.criteria
    found = await tx.fetch(_NAMES, tx.account, said.units, said.account_managers)
    names = {row["id"]: row["name"] for row in found}
    criteria = []
    for name in said.__struct_fields__:
        if values := getattr(said, name):
            shown = [names.get(value, str(value)) for value in values]
            criteria.append(Criterion(name, shown))
    return AskedTasks(
        criteria, definition.sample_percent, definition.first_day, definition.last_day
    )
