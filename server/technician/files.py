"""What the app is made of, read once, compressed once, named by its hash."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Request, Response, route
from litestar.params import FromPath
from litestar.response import Redirect

from server.access.guards import anyone
from server.access.rights import Action
from server.http.precompressed import DIGEST, Precompressed, answer_precompressed, precompress
from server.http.problems import NotFoundError
from server.technician.lean import without_comments
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
#: What the system asks for when the app is installed; the app itself shows none of it.
OUTSIDE: Final = ("icons/", "manifest.webmanifest")


class AppFile(Precompressed, frozen=True):
    """One file of the app."""

    @classmethod
    def of(cls, name: str, content: bytes) -> "AppFile":
        """`content`, served as its `name` says."""
        suffix = name[name.rindex(".") :]
        if suffix in {".js", ".css"}:
            content = without_comments(content.decode()).encode()
        made = precompress(KINDS[suffix], content)
        encoded = {"": content} if suffix == ".png" else made.encoded
        return cls(made.kind, made.digest, encoded)


@cache
def files() -> dict[str, AppFile]:
    """Everything under /tech/, by the name after it."""
    contents = {name: content for name, content in _contents(APP).items() if name != WORKER}
    contents |= {name: (SHARED / name).read_bytes() for name in ("tokens.css", "mark.svg")}
    contents |= texts_of(APP)
    made = {name: AppFile.of(name, content) for name, content in contents.items()}
    made[""] = made.pop("index.html")
    return made | {WORKER: AppFile.of(WORKER, _worker(made))}


def _contents(folder: Path) -> dict[str, bytes]:
    found = sorted(one for one in folder.rglob("*") if one.suffix in KINDS)
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in found}


def _worker(made: dict[str, AppFile]) -> bytes:
    """The service worker, told what one version of the app consists of.

    It changes whenever any file does, which is how browsers notice a new version.
    """
    parts = {
        name: one.digest[:DIGEST] for name, one in made.items() if not name.startswith(OUTSIDE)
    }
    version = hashlib.sha256(msgspec.json.encode(sorted(parts.items()))).hexdigest()[:16]
    told = msgspec.json.encode({"version": version, "files": parts}).decode()
    return f"self.APP = {told};\n".encode() + (APP / WORKER).read_bytes()


@route("/tech", http_method=READING, guards=[anyone(Action.FILE_READ)], sync_to_thread=False)
def app_start(request: Request[Any, Any, Any]) -> Response[Any]:
    """The page that everything starts from; relative addresses in it need the slash."""
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
    """One file of the app.

    :raises NotFoundError: none of that name.
    """
    found = files().get(str(name).removeprefix("/"))
    if found is None:
        raise NotFoundError
    return answer_precompressed(request, found)
