"""Images as an account keeps them: each once, and for as long as a campaign shows it."""

import hashlib
from collections.abc import Collection
from datetime import datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail.assets.flaws import MOST_BYTES, Flaw, ImageError
from mail.assets.png import SIGNATURE, clean_png
from mail.assets.svg import clean_svg
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import ConflictError, MissingError, TooManyError
from sync.ids import new_id

Mime: TypeAlias = Literal["image/png", "image/svg+xml"]

#: Images of an account.
MOST_ASSETS: Final = 200

_ADD: Final = """
INSERT INTO asset (account, id, sha256, mime, bytes, name, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (account, sha256) DO NOTHING
"""
_BY_CONTENT: Final = (
    "SELECT id, name, mime, created_at FROM asset WHERE account = $1 AND sha256 = $2"
)
_LIST: Final = """
SELECT id, name, mime, created_at FROM asset
WHERE account = $1 AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""
_USE: Final = """
INSERT INTO asset_use (account, asset, campaign, version) SELECT $1, unnest($2::uuid[]), $3, $4
"""


class Asset(Struct, frozen=True):
    """A stored image, without its bytes. `created_at`: UTC."""

    id: UUID
    name: str
    mime: Mime
    created_at: datetime


class Image(Struct, frozen=True):
    """An image as it may be kept: cleaned."""

    mime: Mime
    content: bytes


def clean(raw: bytes) -> Image:
    """Return the image in `raw`; its first bytes say of which type it is.

    It takes some ten milliseconds of a processor.

    :raises ImageError: it is none that can be kept.
    """
    if len(raw) > MOST_BYTES:
        raise ImageError(Flaw.TOO_LARGE)
    is_png = raw.startswith(SIGNATURE)
    image = Image("image/png", clean_png(raw)) if is_png else Image("image/svg+xml", clean_svg(raw))
    if len(image.content) > MOST_BYTES:
        raise ImageError(Flaw.TOO_LARGE)
    return image


async def add_asset(tx: Tx, name: str, image: Image) -> Asset:
    """Keep `image`, and return it; one that is kept already stays under its first id and name.

    :raises TooManyError: the account has `MOST_ASSETS` already.
    """
    digest = hashlib.sha256(image.content).digest()
    kept = await tx.fetchval("SELECT count(*) FROM asset WHERE account = $1", tx.account)
    content = (digest, image.mime, image.content, name)
    if kept < MOST_ASSETS and await tx.execute(_ADD, tx.account, new_id(), *content, tx.now):
        asset = await _asset_of(tx, digest)
        new = {"name": name, "mime": image.mime, "sha256": digest.hex()}
        await record(tx, "asset.write", [AuditChange(f"asset/{asset.id}", None, new)])
        return asset
    return await _asset_of(tx, digest)


async def _asset_of(tx: Tx, digest: bytes) -> Asset:
    row = await tx.fetchrow(_BY_CONTENT, tx.account, digest)
    if row is None:
        raise TooManyError(f"an account keeps {MOST_ASSETS} images")
    return Asset(**row)


async def list_assets(tx: Tx, limit: int, after: UUID | None = None) -> list[Asset]:
    """Return at most `limit` images in the order in which they were added, from behind `after`."""
    return [Asset(**row) for row in await tx.fetch(_LIST, tx.account, after, limit)]


async def read_image(tx: Tx, asset: UUID) -> Image:
    """Return the content of an image.

    :raises MissingError: the account has no such image.
    """
    row = await tx.fetchrow(
        "SELECT mime, bytes AS content FROM asset WHERE account = $1 AND id = $2", tx.account, asset
    )
    if row is None:
        raise MissingError(asset)
    return Image(**row)


async def delete_asset(tx: Tx, asset: UUID) -> None:
    """Delete an image.

    :raises MissingError: the account has no such image.
    :raises ConflictError: a version of a campaign shows it, of which surveys may be open.
    """
    try:
        async with tx.savepoint():
            row = await tx.fetchrow(
                "DELETE FROM asset WHERE account = $1 AND id = $2 RETURNING name, mime",
                tx.account,
                asset,
            )
    except asyncpg.ForeignKeyViolationError:
        raise ConflictError("a campaign shows this image") from None
    if row is None:
        raise MissingError(asset)
    await record(tx, "asset.delete", [AuditChange(f"asset/{asset}", dict(row), None)])


async def note_uses(tx: Tx, assets: Collection[UUID], campaign: UUID, version: int) -> None:
    """Note that a new version of a campaign shows `assets`, so that they are not deleted."""
    if assets:
        await tx.execute(_USE, tx.account, list(set(assets)), campaign, version)
