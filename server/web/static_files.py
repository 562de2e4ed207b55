"""Style sheets, scripts and the mark, under names that change with what is in them: for caches."""

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
    """Content by name with its hash in it: tokens.0123456789ab.css."""
    contents = {file: file.read_bytes() for file in FOLDER.iterdir() if file.suffix in KINDS}
    return {
        f"{file.stem}.{hashlib.sha256(content).hexdigest()[:12]}{file.suffix}": content
        for file, content in contents.items()
    }


@cache
def address_of(name: str) -> str:
    """Where the file `name` is served."""
    stem, suffix = name.rsplit(".", 1)
    hashed = next(one for one in _files() if one.startswith(f"{stem}.") and one.endswith(suffix))
    return f"/static/{hashed}"


@route(
    "/static/{name:str}",
    http_method=READING,
    guards=[anyone(Action.FILE_READ)],
    sync_to_thread=False,
)
def static_file(name: FromPath[str]) -> Response[bytes]:
    """A file, to be kept for ever by whoever asked.

    :raises NotFoundError: none of that name and content.
    """
    content = _files().get(name)
    if content is None:
        raise NotFoundError
    kind = KINDS[name[name.rindex(".") :]]
    return Response(content, media_type=kind, headers={"Cache-Control": FOREVER})
