"""Bodies and queries in, answers out: JSON or MessagePack, by prebuilt decoders."""

import json
import re
from functools import cache
from typing import Any, Final

import msgspec
from litestar import Request, Response

from server.errors import BadBodyError, Fault, WrongTypeError
from server.pairs import read_pairs

AnyRequest = Request[Any, Any, Any]

JSON: Final = "application/json"
MESSAGE_PACK: Final = "application/msgpack"
MESSAGE_PACK_NAMES: Final = frozenset(
    {MESSAGE_PACK, "application/x-msgpack", "application/vnd.msgpack"}
)
NO_CONTENT: Final = 204
#: Levels of nesting that a JSON body may have; a parser recurses once for each.
DEEPEST: Final = 32

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKETS: Final = bytes.maketrans(b"[]", b"{}")
_OTHERS: Final = bytes(set(range(256)) - set(b"[]{}"))
#: The escape of U+0000, but not a backslash that is itself escaped before "u0000".
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
#: The escape of half a pair; whole pairs, of letters beyond the first plane, match as well.
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_PATH: Final = re.compile(r" - at `(?:key in )?\$?(.*)`$", re.DOTALL)


@cache
def _json_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@cache
def _pack_decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind, ext_hook=_no_extension)


def _no_extension(code: int, _: memoryview) -> Any:
    raise ValueError(f"extension type {code} says nothing here")


async def read_body(request: AnyRequest, kind: Any, *, singly: bool = False) -> Any:
    """The body as a `kind`.

    `singly`: its items are judged one by one; characters that cannot be kept are left to them.

    :raises WrongTypeError: neither JSON nor MessagePack by its Content-Type.
    :raises BadBodyError: it does not say a `kind`, is nested too deep, or holds U+0000.
    """
    named = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    raw = await request.body()
    if named == JSON:
        return decode_json(raw, kind, singly=singly)
    if named in MESSAGE_PACK_NAMES:
        return decode_pack(raw, kind, singly=singly)
    raise WrongTypeError


def decode_json(raw: bytes, kind: Any, *, singly: bool = False) -> Any:
    """:raises BadBodyError: as `read_body`."""
    if not is_nested_well(raw, DEEPEST):
        detail = f"nested deeper than {DEEPEST}, or brackets that do not match"
        raise BadBodyError(Fault("", "too_deep", detail))
    if not singly and b"\\u0000" in raw and _NUL.search(raw):
        raise BadBodyError(_no_text())
    try:
        return _json_decoder(kind).decode(_mended(raw) if singly else raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBodyError(_fault(error)) from None


def _mended(raw: bytes) -> bytes:
    """`raw`, with a question mark for each half of a letter that an app cut in two (surrogates)."""
    if not _SURROGATE.search(raw):
        return raw
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False).encode("utf-8", "replace")
    except ValueError:
        return raw


def decode_pack(raw: bytes, kind: Any, *, singly: bool = False) -> Any:
    """:raises BadBodyError: as `read_body`; types and unknown fields bound the nesting."""
    try:
        value = _pack_decoder(kind).decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # a year 10000 as well
        raise BadBodyError(_fault(error)) from None
    if not singly and b"\0" in raw and _NUL.search(msgspec.json.encode(value)):
        raise BadBodyError(_no_text())
    return value


def is_nested_well(raw: bytes, levels: int) -> bool:
    """Tell whether the JSON text nests at most `levels` deep, without parsing it.

    False too where brackets do not match, which no parser takes either.
    """
    if raw.count(b"[") + raw.count(b"{") <= levels:
        return True
    rest = _STRING.sub(b"", raw).translate(_BRACKETS, _OTHERS)
    for _ in range(levels):
        rest = rest.replace(b"{}", b"")
    return not rest


def read_query(request: AnyRequest, kind: Any) -> Any:
    """The query's parameters as a `kind`, a struct that refuses unknown fields.

    :raises BadBodyError: an unknown, repeated or malformed parameter, not UTF-8, or U+0000.
    """
    pairs = read_pairs(request.scope["query_string"])
    given = dict(pairs)
    if len(given) < len(pairs):
        raise BadBodyError(Fault("", "bad_query", "a parameter is repeated"))
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadBodyError(_fault(error)) from None


def _no_text() -> Fault:
    return Fault("", "bad_text", "U+0000 is not text")


def _fault(error: Exception) -> Fault:
    """Where and what, from msgspec's message: "Expected `int`, got `str` - at `$.a[0].b`"."""
    if not isinstance(error, msgspec.ValidationError):
        return Fault("", "malformed", "not valid in its format or not UTF-8")
    text = str(error)
    found = _PATH.search(text)
    detail = text[: found.start()] if found else text
    path = re.sub(r"\[(\d+|\.\.\.)\]", r".\1", found[1] if found else "")
    return Fault(path.replace(".", "/"), "bad_value", detail)


def wants_pack(request: AnyRequest) -> bool:
    """Tell whether the client would rather have MessagePack than JSON."""
    accept = request.headers.get("accept", JSON)
    if accept in {JSON, "*/*"} or "msgpack" not in accept:
        return False
    best = request.accept.best_match([JSON, *sorted(MESSAGE_PACK_NAMES)])
    return best in MESSAGE_PACK_NAMES


def write(request: AnyRequest, value: object, status: int) -> Response[bytes]:
    """`value` in the format that the client accepts; JSON where it does not say."""
    if status == NO_CONTENT:
        return Response(b"", status_code=status)
    if wants_pack(request):
        return Response(msgspec.msgpack.encode(value), status_code=status, media_type=MESSAGE_PACK)
    return Response(msgspec.json.encode(value), status_code=status, media_type=JSON)
