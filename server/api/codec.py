"""Decodes bodies and queries, and encodes answers: JSON or MessagePack, by cached decoders."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Request, Response
from msgspec import structs

from server.api.json_and_msgpack import (
    DEEPEST,
    is_representable,
    json_cut_short,
    json_is_modest,
    pack_is_modest,
    representable,
)
from server.http.form_data import read_pairs
from server.http.negotiation import (
    JSON,
    MESSAGE_PACK,
    MESSAGE_PACK_NAMES,
    listed,
    prefers_message_pack,
)
from server.http.problems import BadBodyError, Fault, WrongTypeError
from server.services import services

AnyRequest = Request[Any, Any, Any]

NO_CONTENT: Final = 204
#: Characters of a fault's detail and pointer: a name in the body may be as long as the body.
LONGEST_DETAIL: Final = 200
#: Bytes from which a body is decoded in a thread, so that the event loop is not blocked.
LARGE: Final = 1 << 16
#: The escape of U+0000, but not a backslash that is itself escaped before "u0000".
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
#: The escape of a surrogate; of a whole pair, for a character beyond the first plane, as well.
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
#: msgspec's message for 17.0 in the place of an integer. JSON has one kind of number: 17.0 is 17.
_WHOLE: Final = "Expected `int`, got `float`"
_LARGEST: Final = 2.0**63
#: Characters of a number that is read exactly; to read a million digits takes seconds.
_LONGEST_NUMBER: Final = 64
#: msgspec's message for a missing field; the path of that message ends at its object.
_FIELD: Final = re.compile(r"\AObject missing required field `([^`./~]*)`\Z")
_ITEM: Final = re.compile(r"/items/(\d+)(?:/|\Z)")
#: What JavaScript writes into a query in the place of a missing value.
_NOTHING: Final = frozenset({"", "null", "undefined"})
_PATH: Final = re.compile(r" - at `(?:key in )?\$?(.*)`$", re.DOTALL)

Decode: TypeAlias = Callable[[bytes], Any]


@cache
def _json_decoder(
    kind: Any, float_hook: Callable[[str], float] | None = None
) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind, float_hook=float_hook)


@cache
def _pack_decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind, ext_hook=_refuse_extension)


def _refuse_extension(code: int, _: memoryview) -> Any:
    raise ValueError(f"extension type {code} is not used")


async def read_body(request: AnyRequest, kind: Any, *, singly: bool = False) -> Any:
    """The body as a `kind`.

    `singly`: the route judges items one by one. A fault of one item, such as a character that
    cannot be stored, is then left to the route, and values are made representable in both formats.

    :raises WrongTypeError: neither JSON nor MessagePack by its Content-Type.
    :raises BadBodyError: it is no `kind`, is nested too deep, or holds U+0000.
    """
    named = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if named != JSON and named not in MESSAGE_PACK_NAMES:
        raise WrongTypeError
    raw = await request.body()
    decode = decode_json if named == JSON else decode_pack
    if len(raw) < LARGE:
        return decode(raw, kind, singly=singly)
    async with services(request).decoding:  # one at a time, or others would wait for all of them
        return await asyncio.to_thread(decode, raw, kind, singly=singly)


def decode_json(raw: bytes, kind: Any, *, singly: bool = False) -> Any:
    """:raises BadBodyError: as `read_body`."""
    if singly and not json_is_modest(raw):
        raw = json_cut_short(raw)
    if not json_is_modest(raw):
        raise BadBodyError(_too_deep())
    text = _without_lone_surrogates(raw) if singly and _SURROGATE.search(raw) else raw
    try:
        if singly:
            value = _json_decoder(kind, _number).decode(text)
            if not is_representable(value):
                value = msgspec.convert(representable(_NUMBERS.decode(text)), kind)
        else:
            value = _decode_whole(text, kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadBodyError(_in_item(_fault(error), text, msgspec.json.decode)) from None
    if not singly and b"\\u0000" in raw and _NUL.search(raw):
        raise BadBodyError(_nul_fault(msgspec.json.decode(raw)))
    return value


def _decode_whole(text: bytes, kind: Any) -> Any:
    try:
        return _json_decoder(kind).decode(text)
    except msgspec.ValidationError as error:
        if not str(error).startswith(_WHOLE):
            raise
    return msgspec.convert(_NUMBERS.decode(text), kind)


def _number(text: str) -> int | float:
    """A number with a point or an exponent; as an integer where it is one (17.0, 2e3)."""
    value = float(text)
    if not value.is_integer() or abs(value) > _LARGEST or len(text) > _LONGEST_NUMBER:
        return value
    exact = Decimal(text)
    return int(exact) if exact == int(exact) else value


_NUMBERS: Final = msgspec.json.Decoder(Any, float_hook=_number)


def _without_lone_surrogates(raw: bytes) -> bytes:
    """`raw`, with a question mark for each surrogate without the other half of its pair."""
    try:
        return json.dumps(json.loads(raw), ensure_ascii=False).encode("utf-8", "replace")
    except ValueError:
        return raw


def decode_pack(raw: bytes, kind: Any, *, singly: bool = False) -> Any:
    """:raises BadBodyError: as `read_body`."""
    if not pack_is_modest(raw):
        raise BadBodyError(_too_deep())
    try:
        value = _unpack_items(raw, kind) if singly else _pack_decoder(kind).decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # also for a year 10000
        raise BadBodyError(_in_item(_fault(error), raw, _pack_decoder(Any).decode)) from None
    if not singly and b"\0" in raw and _NUL.search(msgspec.json.encode(value)):
        raise BadBodyError(_nul_fault(_pack_decoder(Any).decode(raw)))
    return value


def _unpack_items(raw: bytes, kind: Any) -> Any:
    try:
        value = _pack_decoder(kind).decode(raw)
        if is_representable(value):
            return value
    except msgspec.ValidationError:  # perhaps only of a key in one item
        pass
    return msgspec.convert(representable(_pack_decoder(Any).decode(raw)), kind)


def read_query(request: AnyRequest, kind: Any) -> Any:
    """The query's parameters as a `kind`.

    A parameter that is a list may be given several times. Structs that accept unknown fields are
    for the clients of other libraries: there, a parameter without a value counts as missing.

    :raises BadBodyError: an unknown, repeated or malformed parameter, not UTF-8, or U+0000.
    """
    pairs = read_pairs(request.scope["query_string"])
    if not kind.__struct_config__.forbid_unknown_fields:
        known = kind.__struct_encode_fields__
        pairs = [(name, text) for name, text in pairs if name in known and text not in _NOTHING]
    lists = _lists_of(kind)
    given: dict[str, Any] = {name: [] for name, _ in pairs if name in lists}
    for name, text in pairs:
        if name in lists:
            given[name].append(text)
        elif name in given:
            raise BadBodyError(Fault("", "bad_query", "a parameter is repeated"))
        else:
            given[name] = text
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadBodyError(_fault(error)) from None


@cache
def _lists_of(kind: Any) -> frozenset[str]:
    """The fields of a struct that are lists."""
    fields = msgspec.inspect.type_info(kind).fields  # type: ignore[attr-defined]  # of a struct
    return frozenset(
        field.encode_name for field in fields if isinstance(field.type, msgspec.inspect.ListType)
    )


def _too_deep() -> Fault:
    detail = f"nested deeper than {DEEPEST}, of too many parts, or brackets that do not match"
    return Fault("", "too_deep", detail)


def _nul_fault(value: object) -> Fault:
    """The fault of a text with U+0000. `value`: the body as it was sent."""
    place = next(_places_of_nul(value, ""), "")
    return _in_item(Fault(place, "bad_text", "U+0000 is not text"), b"", lambda _: value)


def _places_of_nul(value: object, place: str) -> Iterator[str]:
    match value:
        case str() if "\0" in value:
            yield place
        case list():
            for number, item in enumerate(value):
                yield from _places_of_nul(item, f"{place}/{number}")
        case dict():
            for key, item in value.items():
                if "\0" in str(key):
                    yield place
                yield from _places_of_nul(item, f"{place}/{key}")


def _in_item(fault: Fault, raw: bytes, decode: Decode) -> Fault:
    """`fault` with the external id of the record that has it, where the body is a batch."""
    found = _ITEM.match(fault.pointer)
    if not found:
        return fault
    try:
        item = decode(raw)["items"][int(found[1])]
    except (msgspec.DecodeError, ValueError, RecursionError, LookupError, TypeError):
        return fault  # the body is not valid behind the item, or has another `items`
    name = item.get("external_id") if isinstance(item, dict) else None
    return structs.replace(fault, external_id=name) if isinstance(name, str) else fault


def _fault(error: Exception) -> Fault:
    """The fault of msgspec's message, such as "Expected `int`, got `str` - at `$.a[0].b`"."""
    if not isinstance(error, msgspec.ValidationError):
        return Fault("", "malformed", "not valid in its format or not UTF-8")
    text = str(error)
    found = _PATH.search(text)
    detail = (text[: found.start()] if found else text)[:LONGEST_DETAIL]
    # msgspec does not say which key of a map it means: the pointer ends at the map.
    path = (found[1] if found else "").partition("[...]")[0]
    path = re.sub(r"\[(\d+)\]", r".\1", path)
    field = _FIELD.search(detail)
    if field:
        path += f".{field[1]}"
    return Fault(path.replace(".", "/")[:LONGEST_DETAIL], "bad_value", detail)


def write(request: AnyRequest, value: object, status: int) -> Response[bytes]:
    """The answer with `value`, in JSON unless the client prefers MessagePack."""
    if status == NO_CONTENT:
        return Response(b"", status_code=status)
    if prefers_message_pack(listed(request.headers, "accept")):
        return Response(msgspec.msgpack.encode(value), status_code=status, media_type=MESSAGE_PACK)
    return Response(msgspec.json.encode(value), status_code=status, media_type=JSON)
