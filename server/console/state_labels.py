"""States as the console shows them: code and label."""

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
    """The state in a row's columns state, state_name, state_names and state_kind."""
    name = named(record["state_name"], record["state_names"], language)
    return StateChip(record["state"], name, record["state_kind"])


def named(name: str, names: str, language: str) -> str:
    """What something is called for who reads `language`; `names`: JSON text, by language."""
    known = msgspec.json.decode(names, type=dict[str, str])
    return text_in(known, language, otherwise=name)


async def choices(tx: Tx, language: str) -> list[StateChip]:
    """All states of the account, by code."""
    records = await tx.fetch(
        "SELECT code AS state, name AS state_name, names AS state_names, kind AS state_kind"
        " FROM state ORDER BY code"
    )
    return [chip(record, language) for record in records]
