"""What campaigns say as versions of Retour before this one wrote it."""

from typing import Final
from uuid import UUID

import msgspec

from mail.campaigns.definition import Definition, Rules
from tests.support.databases import TestDatabase
from tests.support.owner import owning


def content_1(said: Definition, *, least: bool = False) -> str:
    """The content of `said` as format 1 had it; `least`: what went without saying was not told."""
    names = ("question", "message", "negative_at", "reasons", "information", "privacy_url")
    written = names[:2] if least else names
    return msgspec.json.encode({name: getattr(said, name) for name in written}).decode()


#: What formats 3 and 4 added to rules.
_SINCE_3: Final = {"criteria", "sample_percent", "first_day", "last_day", "delay_in"}
_SINCE_4: Final = {"mute_per", "priority", "reminders", "reminder_days"}


def rules_3(said: Definition) -> str:
    """The rules of `said` as format 3 had them, without what it could not say."""
    return _without(said, _SINCE_4)


def rules_2(said: Definition) -> str:
    """The same of format 2."""
    return _without(said, _SINCE_3 | _SINCE_4)


def _without(said: Definition, later: set[str]) -> str:
    known = [name for name in Rules.__struct_fields__ if name not in later]
    return msgspec.json.encode({name: getattr(said, name) for name in known}).decode()


async def written_in_1(database: TestDatabase, campaign: UUID, said: Definition) -> None:
    """As if the first version of `campaign`, which says `said`, had been written in format 1."""
    async with owning(database.owner) as owner:
        await owner.connection.execute(
            "UPDATE campaign_version SET format = 1, content = $2::jsonb, rules = $3::jsonb"
            " WHERE campaign = $1 AND version = 1",
            campaign,
            content_1(said),
            rules_2(said),
        )
