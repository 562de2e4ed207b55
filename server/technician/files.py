"""The files of the app: read and compressed once, with a hash of the content as ETag."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Request, Response, route
from litestar.params import FromPath
from litestar.response import Redirect
from rjsmin import jsmin  # type: ignore[import-untyped]

from server.access.guards import anyone
from server.access.rights import Action
from server.http.precompressed import DIGEST, Precompressed, answer_precompressed, precompress
from server.http.problems import NotFoundError
from server.technician.texts import texts_of
from server.web.methods import READING

APP: Final = Path(__file__).parent / "app"
SHARED: Final = APP.parent.parent / "static"
START: Final = "/tech/"
KINDS: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
WORKER: Final = "worker.js"
#: Files that only the system reads when the app is installed; the worker does not store them.
OUTSIDE: Final = ("icons/", "manifest.webmanifest")


class AppFile(Precompressed, frozen=True):
    """A file of the app with its encodings."""

    @classmethod
    def of(cls, name: str, content: bytes) -> "AppFile":
        """The file with `content`; its media type follows from the suffix of `name`."""
        suffix = name[name.rindex(".") :]
        if suffix == ".js":
            content = minified(content)
        compressed = precompress(KINDS[suffix], content)
        encoded = {"": content} if suffix == ".png" else compressed.encoded
        return cls(compressed.kind, compressed.digest, encoded)


def minified(module: bytes) -> bytes:
    """`module` without comments and without spaces that mean nothing: phones pay for each byte."""
    text: str = jsmin(module.decode())
    return text.encode()


@cache
def files() -> dict[str, AppFile]:
    """All files under /tech/, by their path after it."""
    contents = {
        path.relative_to(APP).as_posix(): path.read_bytes()
        for path in sorted(APP.rglob("*"))
        if path.suffix in KINDS and path != APP / WORKER
    }
    contents |= {name: (SHARED / name).read_bytes() for name in ("tokens.css", "mark.svg")}
    contents |= texts_of(APP)
    found = {name: AppFile.of(name, content) for name, content in contents.items()}
    found[""] = found.pop("index.html")
    digests = {
        name: file.digest[:DIGEST] for name, file in found.items() if not name.startswith(OUTSIDE)
    }
    # The service worker's bytes must change whenever a file's do: that is how browsers notice.
    version = hashlib.sha256(msgspec.json.encode(sorted(digests.items()))).hexdigest()[:16]
    settings = msgspec.json.encode({"version": version, "files": digests}).decode()
    worker = f"self.APP = {settings};\n".encode() + (APP / WORKER).read_bytes()
    return found | {WORKER: AppFile.of(WORKER, worker)}


@route("/tech", http_method=READING, guards=[anyone(Action.FILE_READ)], sync_to_thread=False)
def app_start(request: Request[Any, Any, Any]) -> Response[Any]:
    """The start page, under /tech/: relative URLs in it need the slash."""
    if not request.scope["raw_path"].endswith(b"/"):
        return Redirect(START, status_code=308)
    return answer_precompressed(request, files()[""])


@route(
    "/tech/{name:path}",
    http_method=READING,
    guards=[anyone(Action.FILE_READ)],
    sync_to_thread=False,
)
def app_file(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
    """The file of that name.

    :raises NotFoundError: there is none.
    """
    found = files().get(str(name).removeprefix("/"))
    if found is None:
        raise NotFoundError
    return answer_precompressed(request, found)
