"""What the app is made of, read once, compressed once, named by its hash."""

import gzip
import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import zstandard
from litestar import Request, Response, route
from litestar.params import FromPath
from litestar.response import Redirect

from server.errors import NotFoundError
from server.middleware.compress import accepted
from server.pages.reading import READING
from server.technician.lean import lean
from server.technician.texts import texts_of

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
#: Smaller files grow when they are compressed, and PNG is compressed already.
LEAST_COMPRESSED: Final = 256
#: The browser asks each time; the service worker, which answers offline, decides what is new.
REVALIDATE: Final = "no-cache"
WORKER: Final = "worker.js"
#: Hexadecimal digits of a hash that tell versions of a file apart; the worker names each file.
DIGEST: Final = 16
#: What the system asks for when the app is installed; the app itself shows none of it.
OUTSIDE: Final = ("icons/", "manifest.webmanifest")


class AppFile(msgspec.Struct, frozen=True):
    """One file: its content, plain and by Content-Encoding, and the SHA-256 of the plain one."""

    kind: str
    digest: str
    encoded: dict[str, bytes]

    @classmethod
    def of(cls, name: str, content: bytes) -> "AppFile":
        """`content`, served as its `name` says."""
        suffix = name[name.rindex(".") :]
        if suffix in {".js", ".css"}:
            content = lean(content.decode()).encode()
        encoded = {"": content}
        if suffix != ".png" and len(content) >= LEAST_COMPRESSED:
            encoded["zstd"] = zstandard.ZstdCompressor(level=19).compress(content)
            encoded["gzip"] = gzip.compress(content, mtime=0)
        return cls(KINDS[suffix], hashlib.sha256(content).hexdigest(), encoded)


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


@route("/tech", http_method=READING, sync_to_thread=False)
def app_start(request: Request[Any, Any, Any]) -> Response[Any]:
    """The page that everything starts from; relative addresses in it need the slash."""
    if not request.scope["raw_path"].endswith(b"/"):
        return Redirect(START, status_code=308)
    return _answer(request, files()[""])


@route("/tech/{name:path}", http_method=READING, sync_to_thread=False)
def app_file(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[Any]:
    """One file of the app.

    :raises NotFoundError: none of that name.
    """
    found = files().get(str(name).removeprefix("/"))
    if found is None:
        raise NotFoundError
    return _answer(request, found)


def _answer(request: Request[Any, Any, Any], found: AppFile) -> Response[bytes]:
    wished = accepted(request.headers.get("accept-encoding", ""))
    encoding = wished if wished in found.encoded else ""
    tag = f'"{found.digest[:DIGEST]}{encoding and "-" + encoding}"'
    headers = {"Cache-Control": REVALIDATE, "ETag": tag, "Vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    return Response(found.encoded[encoding], media_type=found.kind, headers=headers)
