"""The path under which anybody may see an image: /i/LOCATOR-ID."""

import re
from typing import Final
from uuid import UUID

from msgspec import Struct

from sync.ids import LOCATOR_LENGTH, account_of, locator, parse_id

_NAME: Final = re.compile(
    rf"([0-9A-Z]{{{LOCATOR_LENGTH}}})-([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})"
)


class ImageName(Struct, frozen=True):
    """An account and one of its images."""

    account: int
    asset: UUID


def image_path(account: int, asset: UUID) -> str:
    """Return the path of an image."""
    return f"/i/{locator(account)}-{asset}"


def image_named(name: str) -> ImageName | None:
    """Return what the last part of such a path names; None where it names nothing."""
    found = _NAME.fullmatch(name)
    account = account_of(found[1]) if found else None
    return None if found is None or account is None else ImageName(account, parse_id(found[2]))
