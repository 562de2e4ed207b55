"""/i/{name}: images of accounts, as survey pages show them to anybody."""

from typing import Final

from litestar import Response, route
from litestar.params import FromPath

from mail.assets.public_path import image_named
from mail.assets.store import read_image
from server.access.guards import anyone
from server.access.rights import Action
from server.http.problems import NotFoundError
from server.web.methods import READING
from server.web.static_files import FOREVER
from sync.database import tx

#: Of an image that is opened by itself: it runs, loads, submits and navigates nothing, and is of
#: no origin. Its own styles show.
IMAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@route("/i/{name:str}", http_method=READING, guards=[anyone(Action.FILE_READ)])
async def image(name: FromPath[str]) -> Response[bytes]:
    """The image of that name, which caches may keep for a year: it never changes.

    :raises NotFoundError, MissingError: there is none.
    """
    found = image_named(name)
    if found is None:
        raise NotFoundError
    async with tx(found.account) as opened:
        read = await read_image(opened, found.asset)
    headers = {"Cache-Control": FOREVER, "Content-Security-Policy": IMAGE_POLICY}
    return Response(read.content, media_type=read.mime, headers=headers)
