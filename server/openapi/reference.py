"""The OpenAPI document laid out for reading: groups of routes, and the shapes they mention."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from msgspec import Struct

Schema = dict[str, Any]


class Span(Struct, frozen=True):
    """A piece of a text; `code` where it stood between backticks."""

    text: str
    code: bool


class Row(Struct, frozen=True):
    """A parameter or a field: its name, its type in words, and whether it must be there."""

    name: str
    type: str
    needed: bool


class Answer(Struct, frozen=True):
    """A status, what it means, and the shape that comes with it (empty for none)."""

    status: str
    meaning: list[Span]
    type: str


class RouteShown(Struct, frozen=True, kw_only=True):
    """One operation. `access`: names of the security schemes that open it."""

    name: str
    method: str
    path: str
    summary: list[Span]
    text: list[Span]
    access: list[str]
    parameters: list[Row]
    body: str
    answers: list[Answer]


class Group(Struct, frozen=True):
    """Routes of one subject."""

    name: str
    routes: list[RouteShown]


class Shape(Struct, frozen=True):
    """An object that bodies and answers are made of."""

    name: str
    description: list[Span]
    fields: list[Row]


class Reference(Struct, frozen=True):
    """Everything on the page."""

    introduction: list[Span]
    groups: list[Group]
    shapes: list[Shape]


def manual(document: Schema) -> Reference:
    """What the page shows of `document`."""
    routes = list(_routes(document["paths"]))
    groups = [
        Group(name, list(those)) for name, those in groupby(routes, lambda one: _subject(one.path))
    ]
    shapes = [
        Shape(name, spans(schema.get("description", "")), _fields(schema))
        for name, schema in sorted(document["components"]["schemas"].items())
        if "properties" in schema
    ]
    return Reference(spans(document["info"]["description"]), groups, shapes)


def spans(text: str) -> list[Span]:
    """`text` cut at its backticks."""
    return [Span(part, bool(place % 2)) for place, part in enumerate(text.split("`")) if part]


def _subject(path: str) -> str:
    return path.removeprefix("/api/v1").split("/")[1]


def _routes(paths: Schema) -> Iterator[RouteShown]:
    for path, methods in paths.items():
        for method, said in methods.items():
            yield RouteShown(
                name=said["operationId"],
                method=method.upper(),
                path=path,
                summary=spans(said["summary"]),
                text=spans(said.get("description", "")),
                access=[name for one in said["security"] for name in one],
                parameters=[
                    _row(one["name"], one["schema"], one["required"]) for one in said["parameters"]
                ],
                body=_content(said.get("requestBody", {})),
                answers=[
                    Answer(status, spans(one["description"]), _content(one))
                    for status, one in said["responses"].items()
                ],
            )


def _content(holder: Schema) -> str:
    """The type of a body, which is the same in every format."""
    schemas = [one["schema"] for one in holder.get("content", {}).values()]
    return type_text(schemas[0]) if schemas else ""


def _fields(schema: Schema) -> list[Row]:
    needed = schema.get("required", [])
    return [_row(name, one, name in needed) for name, one in schema["properties"].items()]


def _row(name: str, schema: Schema, needed: bool) -> Row:
    return Row(name, type_text(schema), needed)


def type_text(schema: Schema) -> str:
    """A schema in words: `uuid or null`, `list of Item`, `"stars"`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(type_text(one) for one in schema[key])
    if "enum" in schema:
        return " or ".join(f"\u201c{one}\u201d" for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_text(schema.get('items', {}))}"
    if "additionalProperties" in schema:
        return f"map to {type_text(schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("const") or schema.get("type", "anything"))
