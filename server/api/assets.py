"""Images of an account: uploaded, listed and deleted; `server.web.images` serves them."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct
from msgspec.structs import asdict

from mail.assets import store
from mail.assets.public_path import image_path
from mail.assets.store import Asset, Mime
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import Listing, Paging, listing
from server.services import services
from sync.database import run, tx
from sync.validation import check_line

ApiRequest: TypeAlias = Request[Principal, Any, Any]


class AssetRecord(Struct, frozen=True):
    """An image. `path`: where anybody may see it, below the address of the server."""

    id: UUID
    name: str
    mime: Mime
    path: str
    created_at: datetime


class AssetOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An image to keep.

    `file`: the bytes of a PNG of at most 512 by 512 pixels or of an SVG, at most 64 KiB; in JSON in
    base64. `name`: by which people find it.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    file: bytes

    def __post_init__(self) -> None:
        """:raises ValueError: the name is not one plain line."""
        check_line("name", self.name)


@operation(
    "POST",
    "/assets",
    access=api(Action.ASSET_WRITE),
    status=201,
    fails=("bad_image", "too_many"),
)
async def add_asset(request: ApiRequest, body: AssetOrder) -> AssetRecord:
    """Keep an image, for the icons of a campaign.

    A PNG is drawn anew from its pixels; an SVG is cleaned of scripts, event handlers and metadata,
    and refused where it refers to other files or has more than a still drawing needs. The same
    image again is answered with the one that is there.
    """
    async with services(request).decoding:  # one at a time, or others would wait for all of them
        image = await asyncio.to_thread(store.clean, body.file)
    work = partial(store.add_asset, name=body.name, image=image)
    return _record(request, await run(request.user.account, work, actor_of(request)))


@operation("GET", "/assets", access=api(Action.ASSET_READ))
async def list_assets(request: ApiRequest, query: Paging) -> Listing[AssetRecord]:
    """List images in the order in which they were added."""
    async with tx(request.user.account) as opened:
        found = await store.list_assets(opened, query.limit + 1, query.after)
    return listing([_record(request, asset) for asset in found], query.limit)


@operation(
    "DELETE",
    "/assets/{key:uuid}",
    access=api(Action.ASSET_DELETE),
    fails=("not_found", "conflict"),
)
async def delete_asset(request: ApiRequest, key: UUID) -> None:
    """Delete an image that no version of a campaign shows."""
    await run(request.user.account, partial(store.delete_asset, asset=key), actor_of(request))


def _record(request: ApiRequest, asset: Asset) -> AssetRecord:
    return AssetRecord(path=image_path(request.user.account, asset.id), **asdict(asset))


ROUTES: Final[list[ControllerRouterHandler]] = [add_asset, list_assets, delete_asset]
