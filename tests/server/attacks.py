"""Requests that are cheap to send and would be dear to read, as they stand on the wire."""

import gzip
import json
import zlib
from typing import Final

import msgspec
import zstandard

from tests.support.office import Office

MEBIBYTE: Final = 1 << 20
FORM: Final = "application/x-www-form-urlencoded"
PACK: Final = "application/msgpack"
MULTIPART: Final = "multipart/form-data; boundary=b"


class Wire:
    """Requests to one `host`, by an office's program and device."""

    def __init__(self, host: str, office: Office) -> None:
        self.host, self.office = host, office

    def request(self, method: str, path: str, /, **headers: str) -> bytes:
        """A request without a body; `headers`: with underscores for hyphens."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def post(self, path: str, kind: str, body: bytes, /, **headers: str) -> bytes:
        """A POST."""
        framed_by = {"Content_Type": kind, "Content_Length": str(len(body))}
        return self.request("POST", path, **framed_by, **headers) + body

    def push(self, kind: str, body: bytes, /, **headers: str) -> bytes:
        """A push in RxDB's shape, which takes whatever fields an app has."""
        path = "/api/v1/sync/rxdb/transitions/push?device_now=2026-11-29T12:00:00Z"
        return self.post(path, kind, body, **self.office.device, **headers)

    def all(self) -> dict[str, bytes]:
        """Every attack by its name."""
        return {**self.forms(), **self.heads(), **self.bodies()}

    def forms(self) -> dict[str, bytes]:
        """What was a form, or says so."""
        codecs = ("punycode", "idna", "unicode_escape")
        part = '--b\r\nContent-Disposition: form-data; name="email"\r\n'
        return {
            **{
                f"a part in {codec}": self.post(
                    "/login",
                    MULTIPART,
                    f"{part}Content-Type: text/plain; charset={codec}\r\n\r\n".encode()
                    + b"\\x" * 500_000
                    + b"\r\n--b--\r\n",
                )
                for codec in codecs
            },
            "very many parts": self.post("/login", MULTIPART, b"--b\r\n\r\n\r\n" * 100_000),
            "very many fields": self.post("/login", FORM, b"a&" * 30_000),
            "a form of escapes": self.post("/login", FORM, b"%41" * 21_000),
            "a form in another codec": self.post("/login", f"{FORM}; charset=idna", b"a=x"),
            "an unsubscription in a slow codec": self.post("/u/x", MULTIPART, b"\\x" * 400_000),
        }

    def heads(self) -> dict[str, bytes]:
        """What stands before a body."""
        long = "x" * 15_000
        quoted = 'a="' + "\\" * 8000 + '"'
        empty = {f"x{number}": "" for number in range(1500)}
        return {
            "a cookie of 120 KiB": self.request("GET", "/login", Cookie='a="' + "\\" * 120_000),
            "a cookie of backslashes": self.request("GET", "/login", Cookie=quoted),
            "very many cookies": self.request("GET", "/login", Cookie="a=b;" * 2000),
            "a query of 15 KiB": self.request("GET", f"/login?{long}"),
            "very many parameters": self.request("GET", f"/tasks?{'q&' * 4000}"),
            "a query of escapes": self.request("GET", f"/login?q={'%41' * 2700}"),
            "a path of slashes": self.request("GET", "/" * 15_000),
            "a path of escapes": self.request("GET", "/s/" + "%2f" * 5000),
            "a deep path": self.request("GET", "/tech" + "/x" * 7000),
            "very many headers": self.request("GET", "/login", **empty),
            "languages": self.request("GET", "/nowhere", Accept_Language="fr;q=0.1," * 1500),
            "a weight of 15,000 digits": self.request(
                "GET", "/nowhere", Accept_Language=f"en;q={'1' * 15_000}"
            ),
            "formats": self.request(
                "GET",
                "/api/v1/units",
                Accept="application/msgpack;q=1e999," * 500,
                **self.office.program,
            ),
            "encodings": self.request("GET", "/tech/", Accept_Encoding="gzip;q=0," * 1500),
            "a type of parameters": self.post("/login", f"{FORM}{'; a=' * 3500}", b"a=b"),
            "quotation marks": self.post("/login", f"{FORM}; {quoted}", b"a=b"),
            "hops": self.request("GET", "/s/x", X_Forwarded_For="1," * 7000),
            "a token of 15 KiB": self.request(
                "GET", "/api/v1/me", Authorization=f"Bearer rta_{long}"
            ),
            "a session of 8 KiB": self.request("GET", "/tasks", Cookie=f"retour={'x' * 8000}"),
            "a protocol of 15,000 digits": self.request(
                "GET", "/api/v1/sync/pull", Retour_Protocol="9" * 15_000, **self.office.device
            ),
            "a limit of 8,000 digits": self.request(
                "GET", f"/api/v1/units?limit={'9' * 8000}", **self.office.program
            ),
            "a cursor of 8,000 letters": self.request(
                "GET", f"/api/v1/sync/pull?cursor={'A' * 8000}", **self.office.device
            ),
        }

    def bodies(self) -> dict[str, bytes]:
        """What is decoded."""
        row = {"newDocumentState": {"id": "x", "extra": "LEAF"}}
        packed, text = msgspec.msgpack.encode([row]), json.dumps([row]).encode()
        arrays = b"\xdd\x00\x0f\x00\x00" + b"\x90" * 0xF0000
        numbers = b"\xdd\x00\x0f\x00\x00" + b"\x90" * 40 + b"\x01" * (0xF0000 - 40)
        zeros = b" " * (30 * MEBIBYTE)
        frames = zstandard.compress(b"") * 60_000
        return {
            **{
                f"{levels} levels": self.push(
                    PACK, packed.replace(b"\xa4LEAF", b"\x91" * levels + b"\xc0")
                )
                for levels in (40, 964, 500_000)
            },
            "empty arrays": self.push(PACK, packed.replace(b"\xa4LEAF", arrays)),
            "numbers": self.push(PACK, packed.replace(b"\xa4LEAF", numbers)),
            "brackets": self.push("application/json", b"[" * MEBIBYTE),
            "braces": self.push("application/json", b'{"a":' * 200_000),
            "empty objects": self.push("application/json", b"[" + b"{}," * 340_000 + b"{}]"),
            "backslashes": self.push("application/json", b'["' + b"\\" * 1_000_000 + b'"]'),
            "halves of letters": self.push(
                "application/json", text.replace(b"LEAF", b"\\ud83d" * 170_000)
            ),
            "a number of 100,000 digits": self.push(
                "application/json", text.replace(b'"LEAF"', b"9" * 100_000)
            ),
            "very many numbers of 4,000 digits": self.push(
                "application/json",
                text.replace(b'"LEAF"', b"[" + b",".join([b"9" * 4000] * 250) + b"]"),
            ),
            "a name of a mebibyte": self.post(
                "/api/v1/customers",
                "application/json",
                b'{"' + b"x" * 1_000_000 + b'": 1}',
                **self.office.program,
            ),
            "a letter over and over": self.post(
                "/api/v1/customers",
                "application/json",
                json.dumps({"name": "x\u0301" * 100_000}).encode(),
                **self.office.program,
            ),
            "a gzip bomb": self.push(
                "application/json", gzip.compress(zeros), Content_Encoding="gzip"
            ),
            "a zstd bomb": self.push(
                "application/json", zstandard.compress(zeros), Content_Encoding="zstd"
            ),
            "very many frames": self.push("application/json", frames, Content_Encoding="zstd"),
            "no gzip": self.push("application/json", zlib.compress(zeros), Content_Encoding="gzip"),
        }
