"""Style sheets, scripts and the logo, under names with a hash of the content, for caches."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from litestar import Response, route
from litestar.params import FromPath

from server.access.guards import anyone
from server.access.rights import Action
from server.http.problems import NotFoundError
from server.web.methods import READING

FOLDER: Final = Path(__file__).parent.parent / "static"
KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
#: One year, the longest that caches honour.
FOREVER: Final = "public, max-age=31536000, immutable"


@cache
def _files() -> dict[str, bytes]:
    """The content of each file by its name with the hash in it: tokens.0123456789ab.css."""
    contents = {file: file.read_bytes() for file in FOLDER.iterdir() if file.suffix in KINDS}
    return {
        f"{file.stem}.{hashlib.sha256(content).hexdigest()[:12]}{file.suffix}": content
        for file, content in contents.items()
    }


@cache
def address_of(name: str) -> str:
    """The path under which the file `name` is served: /static/tokens.0123456789ab.css."""
    stem, suffix = name.rsplit(".", 1)
    hashed = next(
        file for file in _files() if file.startswith(f"{stem}.") and file.endswith(suffix)
    )
    return f"/static/{hashed}"


@route(
    "/static/{name:str}",
    http_method=READING,
    guards=[anyone(Action.FILE_READ)],
    sync_to_thread=False,
)
def static_file(name: FromPath[str]) -> Response[bytes]:
    """The file of that name, which caches may keep for a year.

    :raises NotFoundError: there is no such file.
    """
    content = _files().get(name)
    if content is None:
        raise NotFoundError
    kind = KINDS[name[name.rindex(".") :]]
    return Response(content, media_type=kind, headers={"Cache-Control": FOREVER})
