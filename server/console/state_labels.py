"""States as the console shows them: code, name and kind."""

import asyncpg
import msgspec

from mail.i18n import text_in
from sync.database import Tx


class StateChip(msgspec.Struct, frozen=True):
    """A state's code, its name in the reader's language, and its kind."""

    code: str
    name: str
    kind: str


def chip(record: asyncpg.Record, language: str) -> StateChip:
    """The state in the columns state, state_name, state_names and state_kind of `record`."""
    name = named(record["state_name"], record["state_names"], language)
    return StateChip(record["state"], name, record["state_kind"])


def named(name: str, names: str, language: str) -> str:
    """The name in `language`, else `name`. `names`: JSON, names by language."""
    translated = msgspec.json.decode(names, type=dict[str, str])
    return text_in(translated, language, otherwise=name)


async def read_states(tx: Tx, language: str) -> list[StateChip]:
    """All states of the account, ordered by code."""
    records = await tx.fetch(
        "SELECT code AS state, name AS state_name, names AS state_names, kind AS state_kind"
        " FROM state ORDER BY code"
    )
    return [chip(record, language) for record in records]
